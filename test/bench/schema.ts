import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Bench, faster } from './bench-definition.ts'
import { languageModel, randomCheckpoint, randomTokenizer } from './language-models.ts'
import type {} from './page/main.ts'
import { longList, penaltyOfRepeats } from './schema-text.ts'
import { buildServers } from './servers/build.ts'
import { start } from './servers/start.ts'

const tokens = 160
const atLeast = 0.95

/** The milliseconds of texts that are written at once, held to the schema or free. */
async function write(url: URL, count: number, isHeld: boolean): Promise<number> {
  const start = performance.now()
  await Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const response = await fetch(new URL('/v1/completions', url), {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({
          model: 'random15m',
          prompt: Array.from({ length: 8 }, (_, at) => 300 + ((index * 31 + at * 7) % 200)),
          max_tokens: tokens,
          temperature: 0,
          ignore_eos: true,
          ...(isHeld
            ? { structured_outputs: { json: longList.schema } }
            : { repetition_penalty: penaltyOfRepeats }),
        }),
      })
      const { usage } = await response.json()
      if (usage?.completion_tokens !== tokens) throw new Error(`${response.status}: ${JSON.stringify(usage)}`)
    }),
  )
  return performance.now() - start
}

export const schema: Bench = {
  name: 'schema',
  description: `JSON by a schema, ms for ${tokens} tokens, against free texts of as many, on WASM and on the server's CPU, 32,000 tokens in the vocabulary`,
  run: async ({ openPage, isTrial }) => {
    const rounds = isTrial ? 2 : 7
    const page = await openPage()
    const wasm = await page.evaluate(([tokens, rounds]) => window.bench.schema('random15m', tokens, rounds), [
      tokens,
      rounds,
    ] as const)
    await page.close()
    const results = [faster('schema', 'one text on wasm', { ours: wasm.held, theirs: wasm.free }, atLeast)]
    const [{ ours: file }, folder] = await Promise.all([
      buildServers(),
      languageModel('random15m', await randomCheckpoint(join(tmpdir(), 'spillway-bench-15m.bin')), {
        tokenizer: await randomTokenizer(),
      }),
    ])
    const { url, stop } = await start(file, [folder])
    for (const count of [1, 8]) {
      const times = { ours: [] as number[], theirs: [] as number[] }
      for (let round = -1; round < rounds; round++) {
        const held = await write(url, count, true)
        const free = await write(url, count, false)
        // The first round compiles the schema.
        if (round < 0) continue
        times.ours.push(held)
        times.theirs.push(free)
      }
      const what = count === 1 ? 'one text' : `${count} texts at once`
      results.push(faster('schema', `${what} on the server's CPU`, times, atLeast))
    }
    stop()
    return results
  },
}

import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createParser } from 'eventsource-parser'
import { type Bench, type Comparison, faster, percentile } from './bench.ts'
import { languageModel, randomCheckpoint, randomTokenizer } from './language-models.ts'
import { buildServers } from './servers/build.ts'
import { start } from './servers/start.ts'

/** Sequences that share a step on the server. */
const slots = 16
/** Texts asked for at once while slots are full. */
const asked = 64
const tokens = 48
const rounds = 3

interface Told {
  /** From the request to the first event with a token. */
  readonly firstMs: number
  readonly tokens: number
}

interface Event {
  readonly choices: readonly { readonly token_ids?: readonly number[] | null }[]
}

/** One text over SSE, read to its end. */
async function tell(url: URL, model: string, index: number): Promise<Told> {
  const start = performance.now()
  const response = await fetch(new URL('/v1/completions', url), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      model,
      prompt: Array.from({ length: 8 + (index % 8) }, (_, at) => 300 + ((index * 31 + at * 7) % 200)),
      max_tokens: tokens,
      temperature: 0,
      ignore_eos: true,
      stream: true,
      return_token_ids: true,
    }),
  })
  if (!response.ok || !response.body) throw new Error(`${response.status}: ${await response.text()}`)
  let firstMs = 0
  let count = 0
  const parser = createParser({
    onEvent: ({ data }) => {
      if (data === '[DONE]') return
      const { choices }: Event = JSON.parse(data)
      count += choices[0]?.token_ids?.length ?? 0
      if (count > 0) firstMs ||= performance.now() - start
    },
  })
  const decoder = new TextDecoder()
  for await (const bytes of response.body) parser.feed(decoder.decode(bytes, { stream: true }))
  if (count !== tokens) throw new Error(`${model} gave ${count} of ${tokens} tokens`)
  return { firstMs, tokens: count }
}

const many = (url: URL, model: string, count: number) =>
  Promise.all(Array.from({ length: count }, (_, index) => tell(url, model, index)))

async function time(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await work()
  return performance.now() - start
}

export const generateServer: Bench = {
  name: 'generate-server',
  what: `${slots} streams over SSE from Node's CPU, ms, against the same one after another; and time to first token where ${asked} ask at once for ${slots} slots, against the texts before the last, ${slots} at a time`,
  run: async ({ models }) => {
    const stories = (name: string) => join(models, 'stories260k', name)
    const [{ ours: file }, ...folders] = await Promise.all([
      buildServers(),
      languageModel('stories260k', stories('stories260K.bin'), { tokenizer: stories('tok512.bin') }),
      languageModel('random15m', await randomCheckpoint(join(tmpdir(), 'spillway-bench-15m.bin')), {
        tokenizer: await randomTokenizer(),
      }),
    ])
    const { url, stop } = await start(file, folders)
    const results: Comparison[] = []
    for (const model of ['stories260k', 'random15m']) {
      await many(url, model, slots)
      const times = { ours: [] as number[], theirs: [] as number[] }
      const firsts: number[] = []
      for (let round = 0; round < rounds; round++) {
        times.ours.push(await time(() => many(url, model, slots)))
        times.theirs.push(
          await time(async () => {
            for (let index = 0; index < slots; index++) await tell(url, model, index)
          }),
        )
        firsts.push(...(await many(url, model, asked)).map(({ firstMs }) => firstMs))
      }
      results.push(faster('generate-server', `${model}, ms for ${slots} texts`, times, 1.3))
      results.push(firstToken(model, percentile(firsts, 0.99), times.ours))
    }
    stop()
    return results
  },
}

/**
 * Texts get their slots in the order in which they came, as soon as one is free: the last of them starts when all but
 * the last `slots` are done, and they take about as long as so many asked for by themselves. A quarter is for prompts
 * that are read between the others' steps, and for the sockets of those who wait.
 */
function firstToken(model: string, p99: number, together: readonly number[]): Comparison {
  const bound = (asked / slots - 1) * Math.max(...together)
  const ratio = p99 / bound
  return {
    bench: 'generate-server',
    metric: `${model}, ms to first token p99, ${asked} at once; ratio: to its bound`,
    ours: p99,
    theirs: bound,
    ratio,
    reach: '≤ 1.25',
    ok: ratio <= 1.25,
  }
}

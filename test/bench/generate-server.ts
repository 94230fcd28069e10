import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createParser } from 'eventsource-parser'
import { type Bench, type Comparison, faster, percentile } from './bench-definition.ts'
import { languageModel, randomCheckpoint, randomTokenizer } from './language-models.ts'
import { buildServers } from './servers/build.ts'
import { start } from './servers/start.ts'

/** Sequences that share a decode step on the server. */
const slots = 16
/** Texts requested at once, more than there are slots. */
const requested = 64
const tokens = 48
const rounds = 3

interface TimedText {
  /** Milliseconds from the request to the first event with a token. */
  readonly firstMs: number
  readonly tokens: number
}

interface Event {
  readonly choices: readonly { readonly token_ids?: readonly number[] | null }[]
}

/** Requests one text over SSE and reads it to its end. */
async function requestText(url: URL, model: string, index: number): Promise<TimedText> {
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

const requestTexts = (url: URL, model: string, count: number) =>
  Promise.all(Array.from({ length: count }, (_, index) => requestText(url, model, index)))

async function time(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await work()
  return performance.now() - start
}

export const generateServer: Bench = {
  name: 'generate-server',
  description: `${slots} streams over SSE from Node's CPU, ms, against the same one after another; and time to first token of ${requested} requests at once for ${slots} slots, against the texts before the last, ${slots} at a time`,
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
      await requestTexts(url, model, slots)
      const times = { ours: [] as number[], theirs: [] as number[] }
      const firsts: number[] = []
      for (let round = 0; round < rounds; round++) {
        times.ours.push(await time(() => requestTexts(url, model, slots)))
        times.theirs.push(
          await time(async () => {
            for (let index = 0; index < slots; index++) await requestText(url, model, index)
          }),
        )
        firsts.push(...(await requestTexts(url, model, requested)).map(({ firstMs }) => firstMs))
      }
      results.push(faster('generate-server', `${model}, ms for ${slots} texts`, times, 1.3))
      results.push(firstToken(model, percentile(firsts, 0.99), times.ours))
    }
    stop()
    return results
  },
}

/**
 * Texts get slots in the order of their requests. The last one starts when all but the last `slots` texts have ended,
 * and those take about as long as the same number alone. The tolerance of a quarter covers prompts that are read between
 * the steps of others, and the sockets of waiting requests.
 */
function firstToken(model: string, p99: number, together: readonly number[]): Comparison {
  const bound = (requested / slots - 1) * Math.max(...together)
  const ratio = p99 / bound
  return {
    bench: 'generate-server',
    metric: `${model}, ms to first token p99, ${requested} at once; ratio: to its bound`,
    ours: p99,
    theirs: bound,
    ratio,
    reach: '≤ 1.25',
    ok: ratio <= 1.25,
  }
}

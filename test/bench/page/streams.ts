import { SpillwayError } from '../../../models/core/index.ts'
import { ask, type Backend, open, promptOf, timed } from './generate.ts'
import { openTransformers } from './transformers.ts'

/** Tokens a second of so many texts asked for at once, the median of some rounds. The first round warms up. */
export interface Streams {
  readonly streams: number
  readonly tokensPerSecond: number
}

export interface Amount {
  readonly streams: readonly number[]
  /** Tokens of each text. */
  readonly tokens: number
  readonly rounds: number
}

type Generate = (prompt: readonly number[], tokens: number) => Promise<unknown>

async function timeStreams(
  generate: Generate,
  vocabulary: number,
  { streams, tokens, rounds }: Amount,
): Promise<Streams[]> {
  const measured: Streams[] = []
  for (const count of streams) {
    const rates: number[] = []
    for (let round = 0; round <= rounds; round++) {
      const start = performance.now()
      await Promise.all(
        Array.from({ length: count }, (_, text) =>
          generate(promptOf(16, vocabulary, 1 + text + count * round), tokens),
        ),
      )
      if (round > 0) rates.push((1_000 * count * tokens) / (performance.now() - start))
    }
    measured.push({ streams: count, tokensPerSecond: rates.sort((a, b) => a - b)[rates.length >> 1] ?? 0 })
  }
  return measured
}

/** In a lane with a slot for each text. */
async function ours(id: string, backend: Backend, amount: Amount): Promise<Streams[]> {
  const { lane, manifest, generator } = await open(id, backend, Math.max(...amount.streams))
  const generate: Generate = (prompt, tokens) => timed(ask(generator, prompt, tokens))
  const measured = await timeStreams(generate, manifest.generation?.vocabulary ?? 0, amount)
  lane.kill(new SpillwayError('closed', 'The bench is over'))
  return measured
}

/** By transformers.js, on the same file. */
async function theirs(id: string, backend: Backend, amount: Amount): Promise<Streams[]> {
  const manifest = await (await fetch(new URL(`models/${id}/manifest.json`, location.href))).json()
  const model = await openTransformers(manifest, backend)
  const measured = await timeStreams(model.generate, manifest.generation.vocabulary, amount)
  await model.close()
  return measured
}

export const streams = { ours, theirs }

import { SpillwayError } from '../../../models/core/index.ts'
import { promptOf } from '../prompt-of.ts'
import { tooSmallPenalty } from '../schema-text.ts'
import { ask, type Backend, open, timed, warmUpMs } from './generate.ts'

const oneByOne = { temperature: 0, presencePenalty: tooSmallPenalty }

export interface SpeculateCase {
  readonly id: string
  readonly backend: Backend
  /** Tokens of the text that are given as its prompt: what it repeats of them can be proposed. */
  readonly read: number
  readonly tokens: number
  /** The id of a draft model. */
  readonly draft?: string
}

/** A text with tokens proposed and verified together, against the same text token by token, taking turns. */
async function speculate({ id, backend, read, tokens, draft }: SpeculateCase, rounds: number) {
  const { lane, manifest, generator } = await open(id, backend, 8, draft)
  const { vocabulary = 0 } = manifest.generation ?? {}
  const times = { proposed: [] as number[], single: [] as number[] }
  const last = { proposed: '', single: '' }
  const warmAt = performance.now() + warmUpMs
  for (let round = 1; times.single.length < rounds; round++) {
    // The first rounds measure what runs cost as well.
    const isWarm = round > 2 && performance.now() > warmAt
    const start = promptOf(8, vocabulary, round)
    const begun = read > 0 ? await timed(ask(generator, start, read)) : undefined
    const prompt = [...start, ...(begun?.tokens ?? [])]
    for (const [side, sampling] of [
      ['proposed', { temperature: 0 }],
      ['single', oneByOne],
    ] as const) {
      const made = await timed(ask(generator, prompt, tokens, { sampling }))
      last[side] = made.tokens.join()
      if (isWarm) times[side].push(made.ms - made.firstMs)
    }
    if (last.proposed !== last.single) throw new Error('The sides say different things')
  }
  lane.kill(new SpillwayError('closed', 'The bench is over'))
  return times
}

export const speculations = { speculate }

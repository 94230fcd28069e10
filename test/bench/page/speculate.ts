import { type Manifest, SpillwayError } from '../../../models/core/index.ts'
import type { Lane } from '../../../workers/host/lane-client/lane.ts'
import { promptOf } from '../prompt-of.ts'
import { ask, type Backend, generatorOver, loadRequest, open, timed, warmUpMs } from './generate.ts'
import { base } from './time.ts'

export interface SpeculateCase {
  readonly id: string
  readonly backend: Backend
  /** Tokens of the text that are given as its prompt: what it repeats of them can be proposed. */
  readonly read: number
  readonly tokens: number
  /** The id of a draft model. */
  readonly draft?: string
  readonly repetitionPenalty?: number
}

/**
 * The model in another session of the lane, whose texts are decoded token by token: nothing is proposed where the lane
 * cannot read the graph, as with a file in a browser.
 */
async function openSingle(lane: Lane, manifest: Manifest, backend: Backend) {
  const single = { ...manifest, id: `${manifest.id}-single` }
  const path = new URL(`models/${manifest.id}/${manifest.variants[0]?.files[0]?.path}`, base).href
  await lane.load({
    ...(await loadRequest(manifest, backend, 8)),
    session: single.id,
    source: { from: 'file', path },
  })
  return generatorOver(lane, single, backend)
}

/** A text with tokens proposed and verified together, against the same text token by token, taking turns. */
async function speculate(
  { id, backend, read, tokens, draft, repetitionPenalty }: SpeculateCase,
  rounds: number,
) {
  const { lane, manifest, generator } = await open(id, backend, 8, draft)
  const single = await openSingle(lane, manifest, backend)
  const { vocabulary = 0 } = manifest.generation ?? {}
  const sampling = { temperature: 0, repetitionPenalty }
  const times = { proposed: [] as number[], single: [] as number[] }
  const last = { proposed: '', single: '' }
  const warmAt = performance.now() + warmUpMs
  for (let round = 1; times.single.length < rounds; round++) {
    // The first rounds measure what runs cost as well.
    const isWarm = round > 2 && performance.now() > warmAt
    const start = promptOf(8, vocabulary, round)
    const begun = read > 0 ? await timed(ask(generator, start, read)) : undefined
    const prompt = [...start, ...(begun?.tokens ?? [])]
    for (const [side, from] of [
      ['proposed', generator],
      ['single', single],
    ] as const) {
      const made = await timed(ask(from, prompt, tokens, { sampling }))
      last[side] = made.tokens.join()
      if (isWarm) times[side].push(made.ms - made.firstMs)
    }
    if (last.proposed !== last.single) throw new Error('The sides say different things')
  }
  lane.kill(new SpillwayError('closed', 'The bench is over'))
  return times
}

export const speculations = { speculate }

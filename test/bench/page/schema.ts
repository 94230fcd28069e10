import { SpillwayError } from '../../../models/core/index.ts'
import { promptOf } from '../prompt-of.ts'
import { longList, penaltyOfRepeats, randomVocabulary } from '../schema-text.ts'
import { ask, open, timed } from './generate.ts'

/** One stream on WASM, held to a schema and free, taking turns. */
async function schema(id: string, tokens: number, rounds: number) {
  const { lane, manifest, generator } = await open(id, 'wasm')
  const { vocabulary = 0 } = manifest.generation ?? {}
  const format = { format: longList, vocabulary: randomVocabulary(vocabulary) }
  const times = { held: [] as number[], free: [] as number[] }
  for (let round = -1; round < rounds; round++) {
    const prompt = promptOf(8, vocabulary, round + 2)
    const held = await timed(ask(generator, prompt, tokens, { format }))
    // Texts of random weights repeat themselves, which is no property of free texts.
    const sampling = { temperature: 0, repetitionPenalty: penaltyOfRepeats }
    const free = await timed(ask(generator, prompt, tokens, { sampling }))
    if (held.tokens.length !== tokens || free.tokens.length !== tokens) throw new Error('A text ended early')
    // The first round compiles the schema.
    if (round < 0) continue
    times.held.push(held.ms)
    times.free.push(free.ms)
  }
  lane.kill(new SpillwayError('closed', 'The bench is over'))
  return times
}

export const schemas = { schema }

import { createRuntime } from '../../../web/api/index.ts'
import { encode, expectEqual, makeTexts, padTo } from './encoder.ts'
import { base, takeTurns } from './time.ts'

/** Texts of many lengths at once: as they are, and each padded to the longest by the page itself. */
export async function padding(rounds: number) {
  const runtime = await createRuntime({ server: base, policy: 'device' })
  const model = await runtime.model('encoder')
  const texts = makeTexts(256)
  const longest = Math.max(...texts.map(({ ids }) => ids.length))
  const padded = texts.map((text) => padTo(longest, text))
  const asTheyAre = () => Promise.all(texts.map((text) => encode(model, text)))
  const toLongest = () => Promise.all(padded.map((text) => encode(model, text)))
  const answers = await asTheyAre()
  for (const [index, whole] of (await toLongest()).entries()) expectEqual(answers[index] ?? [], whole)
  const times = await takeTurns({ asTheyAre, toLongest }, { rounds, warmUp: 10 })
  runtime.close()
  return times
}

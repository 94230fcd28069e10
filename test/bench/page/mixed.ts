import { SpillwayError } from '../../../models/core/index.ts'
import { promptOf } from '../prompt-of.ts'
import { ask, type Backend, open } from './generate.ts'

const texts = 8

/** Times between tokens of eight texts, in milliseconds, by themselves and while a long prompt is read beside them. */
async function mixed(id: string, backend: Backend, promptTokens: number, rounds: number) {
  const { lane, manifest, generator } = await open(id, backend)
  const { vocabulary = 0 } = manifest.generation ?? {}
  const gaps = { alone: [] as number[], beside: [] as number[] }
  for (let round = -1; round < rounds; round++) {
    const leaving = new AbortController()
    let into: number[] = []
    const running = Array.from({ length: texts }, async (_, index) => {
      const stream = generator.generate(
        {
          prompt: promptOf(8, vocabulary, 1 + index + texts * (round + 1)),
          generated: 0,
          maxTokens: 1_000,
          stopTokens: [],
          sampling: { temperature: 0 },
        },
        { signal: leaving.signal },
      )
      stream.result.catch(() => {})
      let last: number | undefined
      try {
        for await (const _tokens of stream) {
          const now = performance.now()
          if (last !== undefined) into.push(now - last)
          last = now
        }
      } catch (cause) {
        if (!leaving.signal.aborted) throw cause
      }
    })
    const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
    await pause(1_500)
    const alone: number[] = []
    into = alone
    await pause(3_000)
    const beside: number[] = []
    into = beside
    // Another beginning each time: of no prompt there is a prefix in a slot.
    await ask(generator, [round + 5, ...promptOf(promptTokens - 1, vocabulary, 7)], 1).result
    into = []
    leaving.abort()
    await Promise.all(running)
    // The first round compiles, and measures what a chunk costs.
    if (round < 0) continue
    gaps.alone.push(...alone)
    gaps.beside.push(...beside)
  }
  lane.kill(new SpillwayError('closed', 'The bench is over'))
  return gaps
}

export const mixing = { mixed }

import { SpillwayError } from '../../../models/core/index.ts'
import { runtimeFiles } from '../../../workers/host/lane-client/browser/runtime-files.ts'
import { loadOrt } from '../../../workers/lane/browser/load-ort.ts'
import { promptOf } from '../prompt-of.ts'
import { ask, openInPage, timed } from './generate.ts'

/**
 * Texts whose tokens are chosen on the GPU with steps enqueued ahead, against the same with each step's token read
 * before the next step, and with each step's logits read, as where the GPU cannot choose. The sides take turns.
 */
async function lookahead(id: string, streams: number, tokens: number, rounds: number) {
  const ort = await loadOrt({ threads: 1 }, runtimeFiles())
  const { createChooser: _, ...withoutChooser } = ort
  const onGpu = await openInPage(ort, id, 'webgpu')
  const onCpu = await openInPage(withoutChooser, id, 'webgpu')
  const vocabulary = onGpu.manifest.generation?.vocabulary ?? 0
  const texts = async ({ generator }: typeof onGpu, round: number, endsByText = false) => {
    const start = performance.now()
    const made = await Promise.all(
      Array.from({ length: streams }, (_, index) =>
        timed(ask(generator, promptOf(8, vocabulary, 1 + index + streams * round), tokens, { endsByText })),
      ),
    )
    return { ms: performance.now() - start, tokens: made.map((text) => text.tokens.join()).join('; ') }
  }
  const times = { ahead: [] as number[], tokensRead: [] as number[], logitsRead: [] as number[] }
  for (let round = 0; round <= rounds; round++) {
    const ahead = await texts(onGpu, round)
    const tokensRead = await texts(onGpu, round, true)
    const logitsRead = await texts(onCpu, round)
    if (ahead.tokens !== tokensRead.tokens || ahead.tokens !== logitsRead.tokens)
      throw new Error('The sides say different things')
    // The first round compiles shaders.
    if (round === 0) continue
    times.ahead.push(ahead.ms)
    times.tokensRead.push(tokensRead.ms)
    times.logitsRead.push(logitsRead.ms)
  }
  for (const { lane } of [onGpu, onCpu]) lane.kill(new SpillwayError('closed', 'The bench is over'))
  return times
}

export const lookaheads = { lookahead }

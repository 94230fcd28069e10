import { availableParallelism } from 'node:os'
import { systemClock } from '../../../models/async/clock.ts'
import { findModel, readCatalogue } from '../../../server/inference/catalogue.ts'
import { createInference } from '../../../server/inference/inference.ts'
import { processLane } from '../../support/process-lane.ts'
import { type Amount, type Streams, type TokensAt, timeStreams } from './time-streams.ts'

/** Times texts as the server writes them: in a lane of its pool, a process with onnxruntime-node's WebGPU. */
export async function timeStreamsInNode(
  folder: string,
  model: string,
  variant: string,
  amount: Amount,
): Promise<Streams[]> {
  const inference = createInference({
    backends: ['webgpu'],
    cores: availableParallelism(),
    memoryBudget: 2 ** 33,
    queue: { requests: 1_000 },
    startLane: () => processLane(systemClock),
    clock: systemClock,
  })
  const entry = findModel(await readCatalogue([folder]), model)
  const generator = inference.generator(entry, variant)
  const write = async (prompt: readonly number[], tokens: number) => {
    const made: TokensAt[] = []
    const request = { prompt, generated: 0, maxTokens: tokens, stopTokens: [], sampling: { temperature: 0 } }
    for await (const some of generator.generate(request))
      made.push({ at: performance.now(), tokens: some.length })
    return made
  }
  try {
    return await timeStreams(
      { write, isSequential: false },
      entry.manifest.generation?.vocabulary ?? 0,
      amount,
    )
  } finally {
    inference.close()
  }
}

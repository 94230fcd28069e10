import { availableParallelism } from 'node:os'
import { systemClock } from '../../../models/async/clock.ts'
import { findModel, readCatalogue } from '../../../server/inference/catalogue.ts'
import { createInference } from '../../../server/inference/inference.ts'
import { processLane } from '../../support/process-lane.ts'
import { beforeDeadline } from './side-deadline.ts'
import { rateSide } from './side-lines.ts'
import type { Sitting } from './sitting.ts'
import {
  type Amount,
  checkCount,
  drawn,
  type Streams,
  type TellRate,
  type TokensAt,
  timeStreams,
  tokensOf,
} from './time-streams.ts'

export interface NodeStreamsOptions {
  readonly sitting: Sitting
  /** The folder of the model that writes texts, and its id. */
  readonly textModels: string
  readonly model: string
  readonly amount: Amount
}

/** Times texts as the server writes them: in a lane of its pool, a process with onnxruntime-node's WebGPU. */
export const timeStreamsInNode = (variant: string, { sitting, ...options }: NodeStreamsOptions) =>
  sitting.measure<Streams>(rateSide(`Ours in Node with ${variant}`, true), (tellRate) =>
    timeServer(variant, options, tellRate),
  )

async function timeServer(
  variant: string,
  { textModels, model, amount }: Omit<NodeStreamsOptions, 'sitting'>,
  tellRate: TellRate,
): Promise<void> {
  const inference = createInference({
    backends: ['webgpu'],
    cores: availableParallelism(),
    memoryBudget: 2 ** 33,
    queue: { requests: 1_000 },
    startLane: () => processLane(systemClock),
    clock: systemClock,
  })
  try {
    const entry = findModel(await readCatalogue([textModels]), model)
    const generator = inference.generator(entry, variant)
    const write = async (prompt: readonly number[], tokens: number, seed: number) => {
      const text: TokensAt[] = []
      const request = { prompt, generated: 0, maxTokens: tokens, stopTokens: [], sampling: drawn(seed) }
      for await (const some of generator.generate(request))
        text.push({ at: performance.now(), tokens: some.length })
      checkCount('Spillway', tokensOf(text), tokens)
      return text
    }
    const vocabulary = entry.manifest.generation?.vocabulary ?? 0
    await beforeDeadline(timeStreams({ write, sharesSteps: true }, vocabulary, amount, tellRate))
  } finally {
    inference.close()
  }
}

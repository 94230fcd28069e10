import { systemClock } from '../../models/async/clock.ts'
import { createInference, type Inference, type InferenceOptions } from '../../server/inference/inference.ts'
import { processLane } from './process-lane.ts'

/** The server's inference over a real lane on the CPU. */
export const createCpuInference = (change: Partial<InferenceOptions> = {}): Inference =>
  createInference({
    backends: ['cpu'],
    cores: 1,
    memoryBudget: 2 ** 30,
    queue: { requests: 100 },
    startLane: () => processLane(systemClock),
    clock: systemClock,
    ...change,
  })

import type { Backend } from 'onnxruntime-common'
import { systemClock } from '../../../models/async/clock.ts'
import { importOnce } from '../../../models/async/import-code.ts'
import { SpillwayError } from '../../../models/core/index.ts'

/** The lanes' code is loaded with the first session. */
const openSession = importOnce(systemClock, 'sessions', async () => {
  const { createOpenSession } = await import('./open-session.ts')
  return createOpenSession(systemClock)
})

/** ONNX Runtime's execution providers, by lanes. */
export const laneBackend: Backend = {
  init: async (name) => {
    if (name === 'webgpu' && !(await globalThis.navigator?.gpu?.requestAdapter()))
      throw new SpillwayError('capacity_insufficient', 'This browser has no WebGPU adapter')
  },
  createInferenceSessionHandler: async (model, options = {}) => (await openSession())(model, options),
}

import { zeroInputs } from '../../../models/core/axes.ts'
import { fill, SpillwayError } from '../../../models/core/index.ts'
import type { LoadRequest } from '../../protocol/lane.ts'
import type { Ort, OrtSession } from '../runtime/ort.ts'
import { runSession } from './run-session.ts'

/**
 * Runs a new session once, which compiles shaders and shows whether the backend can run it: on zeros, or on ones where it
 * refuses zeros, as a divisor or a size. Does nothing where a size other than the batch is open.
 */
export async function warmUp(ort: Ort, session: OrtSession, request: LoadRequest): Promise<void> {
  const inputs = zeroInputs(request)
  if (!inputs) return
  try {
    await runSession(ort, session, inputs, request.outputs)
  } catch (cause) {
    if (!(cause instanceof SpillwayError) || cause.code !== 'run_failed') throw cause
    for (const { name, default: value } of request.inputs) {
      const tensor = inputs[name]
      if (tensor && value === undefined) fill(tensor.data, 1)
    }
    await runSession(ort, session, inputs, request.outputs)
  }
}

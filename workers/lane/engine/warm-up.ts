import { zeroInputs } from '../../../models/core/axes.ts'
import { fill, messageOf, SpillwayError } from '../../../models/core/index.ts'
import type { SessionRequest } from '../../protocol/lane.ts'
import type { Ort, OrtSession } from '../runtime/ort.ts'
import { isOutOfMemory } from '../runtime/run-failure.ts'
import { tooLarge } from './create-session.ts'
import { runSession } from './run-session.ts'

/**
 * Runs a new session once, which compiles shaders and takes memory: on defaults and zeros, or on ones where it refuses
 * zeros, as a divisor or a size. Open sizes are one.
 *
 * @returns Why the model refused both. It may answer its requests all the same.
 * @throws SpillwayError `capacity_insufficient` where the run does not fit the memory, or `lane_lost`.
 */
export async function warmUp(
  ort: Ort,
  session: OrtSession,
  request: SessionRequest,
): Promise<string | undefined> {
  return (await refusal(ort, session, request)) === undefined ? undefined : refusal(ort, session, request, 1)
}

const closed = (size: number) => (size === -1 ? 1 : size)

/** Why the model, or the making of inputs for it, failed; `value` takes the place of zeros. */
async function refusal(
  ort: Ort,
  session: OrtSession,
  request: SessionRequest,
  value?: number,
): Promise<string | undefined> {
  try {
    const inputs = zeroInputs({
      ...request,
      inputs: request.inputs.map((spec) => ({ ...spec, shape: spec.shape?.map(closed) ?? null })),
    })
    if (!inputs) return undefined
    for (const spec of request.inputs) {
      const tensor = inputs[spec.name]
      if (tensor && value !== undefined && spec.default === undefined) fill(tensor.data, value)
    }
    await runSession(ort, session, inputs, request.outputs)
    return undefined
  } catch (cause) {
    if (cause instanceof SpillwayError && cause.code === 'lane_lost') throw cause
    const isMemory = cause instanceof SpillwayError ? cause.code === 'memory_exhausted' : isOutOfMemory(cause)
    if (isMemory) throw tooLarge(request.session, request.backend, cause)
    return messageOf(cause)
  }
}

import { zeroInputs } from '../../../models/core/axes.ts'
import { fill, SpillwayError, type Tensor } from '../../../models/core/index.ts'
import type { SessionRequest } from '../../protocol/lane.ts'
import type { Ort, OrtSession } from '../runtime/ort.ts'
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
  const inputs = zeroInputs({
    ...request,
    inputs: request.inputs.map((spec) => ({ ...spec, shape: spec.shape?.map(closed) ?? null })),
  })
  if (!inputs || (await refusal(ort, session, request, inputs)) === undefined) return undefined
  for (const { name, default: value } of request.inputs) {
    const tensor = inputs[name]
    if (tensor && value === undefined) fill(tensor.data, 1)
  }
  return refusal(ort, session, request, inputs)
}

const closed = (size: number) => (size === -1 ? 1 : size)

async function refusal(
  ort: Ort,
  session: OrtSession,
  { session: name, backend, outputs }: SessionRequest,
  inputs: Readonly<Record<string, Tensor>>,
): Promise<string | undefined> {
  try {
    await runSession(ort, session, inputs, outputs)
    return undefined
  } catch (cause) {
    if (!(cause instanceof SpillwayError) || cause.code === 'lane_lost') throw cause
    if (cause.code === 'memory_exhausted') throw tooLarge(name, backend, cause)
    return cause.message
  }
}

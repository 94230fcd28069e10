import { SpillwayError } from '../../../models/core/index.ts'
import { showValue } from '../../../models/core/wording.ts'
import type { InferRequest } from '../../../models/protocols/oip-schemas.ts'

type Parameters = InferRequest['parameters']

/** Values with which a parameter asks for nothing. */
const harmless: readonly unknown[] = [undefined, null, 0, '', false]

const sharedMemory = ['shared_memory_region', 'shared_memory_byte_size', 'shared_memory_offset']
const ofRequest = ['sequence_id', 'sequence_start', 'sequence_end']

/**
 * Refuses Triton's parameters that would change the answer and that this server does not have. Other parameters than
 * the protocol's are a model's own in Triton; no model here reads any, so they are ignored.
 *
 * @throws SpillwayError `not_supported`, which names the parameter.
 */
export function refuseUnsupportedParameters({ parameters, inputs, outputs }: InferRequest): void {
  refuse(parameters, ofRequest, 'in a request')
  for (const { name, parameters } of inputs) refuse(parameters, sharedMemory, `for input "${name}"`)
  if (outputs)
    for (const { name, parameters } of outputs) refuse(parameters, sharedMemory, `for output "${name}"`)
}

function refuse(parameters: Parameters, names: readonly string[], where: string): void {
  if (!parameters) return
  for (const param of names) {
    if (harmless.includes(parameters[param])) continue
    throw new SpillwayError(
      'not_supported',
      `This server does not support the parameter "${param}" ${where}`,
      {
        got: showValue(parameters[param]),
        hint: 'Leave the parameter out.',
        param,
      },
    )
  }
}

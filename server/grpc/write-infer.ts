import type { MessageInitShape } from '@bufbuild/protobuf'
import type { Tensor } from '../../models/core/index.ts'
import { datatypeOf } from '../../models/protocols/oip.ts'
import { elementBytes } from '../../models/protocols/oip-binary.ts'
import { type InferAnswer, tensorOf } from '../routes/oip/write-infer-response.ts'
import { hasContents, writeContents } from './contents.ts'
import type { EncodedInferResponseSchema } from './generated/encoded_infer_pb.ts'

export type InferResponseInit = MessageInitShape<typeof EncodedInferResponseSchema>

/** Writes the answer in the form that the request has. With an FP16 output, for which there is no other, it is raw. */
export function writeModelInfer({
  model,
  id,
  requested,
  answer: { outputs, executedOn, queueMs, computeMs },
}: InferAnswer): InferResponseInit {
  const tensors = requested.map((output): [string, Tensor] => [output.name, tensorOf(outputs, output)])
  const isRaw = requested.some(({ binary }) => binary) || tensors.some(([, { type }]) => !hasContents(type))
  return {
    modelName: model.id,
    modelVersion: model.version,
    ...(id !== undefined && { id }),
    parameters: {
      backend: text(executedOn.backend),
      variant: text(executedOn.variant),
      queue_ms: number(queueMs),
      compute_ms: number(computeMs),
    },
    outputs: tensors.map(([name, { type, shape, data }]) => ({
      name,
      datatype: datatypeOf(type),
      shape: shape.map(BigInt),
      ...(!isRaw && { contents: writeContents(name, type, data) }),
    })),
    rawOutputContents: isRaw ? tensors.map(([, tensor]) => elementBytes(tensor)) : [],
  }
}

const text = (value: string) => ({ parameterChoice: { case: 'stringParam', value } as const })
const number = (value: number) => ({ parameterChoice: { case: 'doubleParam', value } as const })

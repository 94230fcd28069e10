import { clone, create } from '@bufbuild/protobuf'
import {
  type GraphProto,
  GraphProtoSchema,
  ModelProtoSchema,
  OperatorSetIdProtoSchema,
} from '../onnx/generated/onnx_pb.ts'
import type { Model } from '../onnx/model.ts'

export const withNotes = ({ metadata }: Model, parts: Partial<GraphProto>): GraphProto =>
  Object.assign(create(GraphProtoSchema), metadata, parts)

/** The version of an operator set that the model uses; 0 where it uses none of it. */
export function opsetOf({ header }: Model, domain = ''): number {
  const found = header.opsetImport.find((one) => (one.domain === 'ai.onnx' ? '' : one.domain) === domain)
  return Number(found?.version ?? 0n)
}

/** The model with an operator set at a version, added where it has none. */
export function withOpset(model: Model, domain: string, version: number): Model {
  const others = model.header.opsetImport.filter(
    (one) => (one.domain === 'ai.onnx' ? '' : one.domain) !== domain,
  )
  const header = clone(ModelProtoSchema, model.header)
  header.opsetImport = [...others, create(OperatorSetIdProtoSchema, { domain, version: BigInt(version) })]
  return { ...model, header }
}

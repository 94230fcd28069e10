import { clone, create } from '@bufbuild/protobuf'
import {
  type FunctionProto,
  FunctionProtoSchema,
  ModelProtoSchema,
  OperatorSetIdProtoSchema,
} from '../onnx/generated/onnx_pb.ts'
import type { Model, Node } from '../onnx/model.ts'
import { opsetOf, withOpset } from './metadata.ts'

export interface FunctionParts {
  readonly domain: string
  readonly name: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly nodes: readonly Node[]
}

/** The model with an operator of its own, made of others: a runtime puts them in its place. */
export function withFunction(model: Model, parts: FunctionParts): Model {
  const known = model.header.functions.some(
    ({ domain, name }) => domain === parts.domain && name === parts.name,
  )
  if (known) return model
  const added = withOpset(withIrVersion(model, 8n), parts.domain, 1)
  const header = clone(ModelProtoSchema, added.header)
  header.functions.push(makeFunction(parts, opsetOf(model)))
  return { ...added, header }
}

const makeFunction = (
  { domain, name, inputs, outputs, nodes }: FunctionParts,
  opset: number,
): FunctionProto =>
  create(FunctionProtoSchema, {
    domain,
    name,
    input: [...inputs],
    output: [...outputs],
    node: [...nodes],
    opsetImport: [create(OperatorSetIdProtoSchema, { version: BigInt(opset) })],
  })

/** Files of an older version may not hold what a newer one brought. */
export function withIrVersion(model: Model, least: bigint): Model {
  if (model.header.irVersion >= least) return model
  const header = clone(ModelProtoSchema, model.header)
  header.irVersion = least
  return { ...model, header }
}

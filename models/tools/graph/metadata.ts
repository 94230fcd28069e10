import { clone, create } from '@bufbuild/protobuf'
import {
  type FunctionProto,
  FunctionProtoSchema,
  type GraphProto,
  GraphProtoSchema,
  ModelProtoSchema,
  OperatorSetIdProtoSchema,
} from '../onnx/generated/onnx_pb.ts'
import type { Model, Node } from '../onnx/model.ts'

export const withGraphMetadata = ({ graphMetadata }: Model, parts: Partial<GraphProto>): GraphProto =>
  Object.assign(create(GraphProtoSchema), graphMetadata, parts)

/** The version of an operator set that the model imports; 0 where it does not. */
export function opsetOf({ header }: Model, domain = ''): number {
  const found = header.opsetImport.find((one) => (one.domain === 'ai.onnx' ? '' : one.domain) === domain)
  return Number(found?.version ?? 0n)
}

/** The model with an operator set imported at a version. */
export function withOpset(model: Model, domain: string, version: number): Model {
  const others = model.header.opsetImport.filter(
    (one) => (one.domain === 'ai.onnx' ? '' : one.domain) !== domain,
  )
  const header = clone(ModelProtoSchema, model.header)
  header.opsetImport = [...others, create(OperatorSetIdProtoSchema, { domain, version: BigInt(version) })]
  return { ...model, header }
}

export interface FunctionParts {
  readonly domain: string
  readonly name: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly nodes: readonly Node[]
}

/** The model with a function: an operator that a runtime replaces by the function's nodes. */
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

/** The model with at least the given IR version, which newer features of the format require. */
export function withIrVersion(model: Model, least: bigint): Model {
  if (model.header.irVersion >= least) return model
  const header = clone(ModelProtoSchema, model.header)
  header.irVersion = least
  return { ...model, header }
}

import { create } from '@bufbuild/protobuf'
import { SpillwayError } from '../../core/error.ts'
import { constantsToWeights } from '../graph/constants.ts'
import { withGraphMetadata } from '../graph/metadata.ts'
import { freshNames } from '../graph/names.ts'
import { sweep } from '../graph/sweep.ts'
import { declaredOf } from '../graph/values.ts'
import {
  TensorShapeProto_DimensionSchema,
  TensorShapeProtoSchema,
  TypeProto_TensorSchema,
  TypeProtoSchema,
  ValueInfoProtoSchema,
} from '../onnx/generated/onnx_pb.ts'
import type { Model, Node, Value } from '../onnx/model.ts'
import { startInference } from '../shape-inference/infer-shapes.ts'
import { type RepairContext, repairOf } from './repair-node.ts'

export interface FreedModel {
  readonly model: Model
  /** The batch size that the model was fixed at. */
  readonly batch: number
  /** Number of nodes that were changed. */
  readonly repaired: number
}

/** The batch is enlarged by this factor for the second inference. Sizes in models are rarely multiples of it. */
const factor = 7

/**
 * The model with an open batch dimension. Shapes are inferred once for the fixed batch and once for a larger one.
 * Where a node's output does not grow with the batch, its constants are changed. The result is a guess until
 * `proveBatch` has run it.
 * @throws SpillwayError `not_supported` where there is no fixed batch.
 */
export function freeBatch(given: Model): FreedModel {
  const model = constantsToWeights(given)
  const batch = fixedBatch(model)
  const open: Model = {
    ...model,
    inputs: model.inputs.map(withOpenBatch),
    outputs: model.outputs.map(withOpenBatch),
    // The declared shapes of intermediate values hold the fixed batch.
    graphMetadata: withGraphMetadata(model, { valueInfo: [] }),
  }
  const shapes = (rows: number) =>
    new Map(model.inputs.map((value) => [value.name, [rows, ...restOf(value)] as const]))
  const [before, after] = [startInference(model, shapes(batch)), startInference(open, shapes(batch * factor))]
  const context: RepairContext = { before, after, batch, factor, fresh: freshNames(model) }
  const weights = new Map(model.weights)
  const nodes: Node[] = []
  let repaired = 0
  for (const node of model.nodes) {
    before.step(node)
    const repair = repairOf(node, context)
    if (repair) repaired++
    for (const weight of repair?.weights ?? []) {
      weights.set(weight.name, weight)
      after.addWeight(weight)
    }
    for (const one of repair?.nodes ?? [node]) {
      after.step(one)
      nodes.push(one)
    }
  }
  return { model: sweep({ ...open, nodes, weights }), batch, repaired }
}

/** @throws SpillwayError `not_supported` where there is no fixed batch. */
export function fixedBatch({ inputs }: Model): number {
  const firsts = inputs.map((value) => ({ name: value.name, first: declaredOf(value).shape?.[0] }))
  const fixed = firsts.flatMap(({ name, first }) => (typeof first === 'number' ? [{ name, first }] : []))
  const [one] = fixed
  if (one === undefined && inputs.every((value) => declaredOf(value).shape?.length)) {
    throw new SpillwayError('not_supported', 'The first dimension of every input varies already')
  }
  if (one === undefined || fixed.length < inputs.length || fixed.some(({ first }) => first !== one.first)) {
    throw new SpillwayError('not_supported', 'The inputs have no fixed batch size in common', {
      got: fixed.map(({ name, first }) => `${first} in "${name}"`).join(', ') || 'none with a fixed size',
    })
  }
  return one.first
}

const restOf = (value: Value): readonly number[] =>
  (declaredOf(value).shape ?? []).slice(1).map((size) => (typeof size === 'number' ? size : 1))

/** The value with its first dimension open, named `batch`. */
function withOpenBatch(value: Value): Value {
  const tensor = value.type?.value.case === 'tensorType' ? value.type.value.value : undefined
  if (!tensor?.shape || tensor.shape.dim.length === 0) return value
  const first = create(TensorShapeProto_DimensionSchema, { value: { case: 'dimParam', value: 'batch' } })
  const shape = create(TensorShapeProtoSchema, { dim: [first, ...tensor.shape.dim.slice(1)] })
  const type = create(TypeProto_TensorSchema, { elemType: tensor.elemType, shape })
  return Object.assign(create(ValueInfoProtoSchema), value, {
    type: create(TypeProtoSchema, { value: { case: 'tensorType', value: type } }),
  })
}

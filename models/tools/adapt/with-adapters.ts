import { SpillwayError } from '../../core/error.ts'
import { malformed } from '../errors.ts'
import { changeNode, makeNode } from '../graph/node.ts'
import { declaredOf, makeValue } from '../graph/values.ts'
import { asFloats, type FloatType } from '../import/transform.ts'
import { DataType } from '../onnx/data-type.ts'
import type { Model, Node } from '../onnx/model.ts'
import { type RewriteRule, rewrite } from '../passes/rewrite.ts'
import { infer } from '../shape-inference/infer-shapes.ts'
import { openShapes } from '../shape-inference/input-shapes.ts'
import type { KnownValue } from '../shape-inference/known.ts'
import type { Adapter, LowRank } from './adapter.ts'
import { findProjections, type GraphProjection } from './find-projections.ts'
import { fitHeads, type ProjectionSize } from './fit-heads.ts'
import { keyOf, type ProjectionPlace } from './projection.ts'
import { stack } from './stacks.ts'

/** The input of the rows' adapters: 0 for the model itself, 1 for the first adapter, and so on. */
export const idsInput = 'adapter_ids'

/**
 * The model with the adapters' matrices beside its projections: `y = x W + (x A[id]) B[id]`, with the adapter that the
 * input `adapter_ids` `[batch]` names for each row. Rows of different adapters share a run.
 *
 * @param headSize The size of the graph's heads.
 * @throws SpillwayError `not_supported` where the graph has no such projections, or has adapters; `model_invalid` for an
 * adapter of another model.
 */
export function withAdapters(model: Model, adapters: readonly Adapter[], headSize: number): Model {
  if (model.inputs.some(({ name }) => name === idsInput)) {
    throw new SpillwayError('not_supported', 'The model has adapters already', {
      hint: 'Begin with the model without adapters, and name all of them.',
    })
  }
  const [batch = 'batch_size'] = declaredOf(inputIds(model)).shape ?? []
  const projections = findProjections(model)
  for (const adapter of adapters) checkPlaces(adapter, projections)
  const values = infer(model, openShapes(model, new Map()))
  const rules = new Map<Node, RewriteRule>()
  for (const [key, projection] of projections) {
    if (!adapters.some(({ parts }) => parts.has(key))) continue
    const { size, type } = measure(projection, values)
    const parts = adapters.map((adapter) => fittingPart(adapter, key, size, headSize))
    rules.set(projection.node, branch(projection, parts, size, type))
  }
  const ids = makeValue(idsInput, DataType.INT64, [batch])
  return rewrite({ ...model, inputs: [...model.inputs, ids] }, rules)
}

function inputIds({ inputs }: Model): Model['inputs'][number] {
  const found = inputs.find(({ name }) => name === 'input_ids')
  if (found && declaredOf(found).shape?.length === 2) return found
  throw new SpillwayError('not_supported', 'The graph does not read the tokens of each text in a row', {
    expected: 'an input input_ids of the shape [batch, tokens]',
    got: found ? 'another shape' : 'no such input',
  })
}

/** An adapter changes the same projections in all layers, unless it says otherwise. */
function checkPlaces(
  { name, base, parts, skipsLayers }: Adapter,
  projections: ReadonlyMap<string, GraphProjection>,
): void {
  const known = new Set([...projections.values()].map(({ place }) => place.name))
  const outside = [...parts.values()].find(({ place }) => !projections.has(keyOf(place)))?.place
  if (outside && !known.has(outside.name)) throw withoutProjection(outside, known)
  if (outside) throw otherModel(name, base, `projections of the graph's layers`, keyOf(outside))
  const roles = new Set([...parts.values()].map(({ place }) => place.name))
  const left = [...projections.values()].find(
    ({ place }) => roles.has(place.name) && !parts.has(keyOf(place)),
  )
  if (left && !skipsLayers) throw otherModel(name, base, `matrices for ${keyOf(left.place)}`, 'none')
}

/** The size of a projection and the float type of its product. */
function measure(
  { place, node, input }: GraphProjection,
  values: ReadonlyMap<string, KnownValue>,
): { readonly size: ProjectionSize; readonly type: FloatType } {
  const [from, to] = [values.get(input), values.get(node.output[0] ?? '')]
  const type = from?.type
  const [inputs, outputs] = [from?.shape?.[2], to?.shape?.[2]]
  // A product of batches needs the rows apart from their tokens.
  const isPerRow = from?.shape?.length === 3 && inputs !== undefined && outputs !== undefined
  if (isPerRow && (type === DataType.FLOAT || type === DataType.FLOAT16))
    return { size: { inputs, outputs }, type }
  throw new SpillwayError('not_supported', `The input of ${keyOf(place)} cannot be told apart by rows`, {
    expected: 'floats of the shape [batch, tokens, inputs]',
    got: from?.shape ? `[${from.shape.join(', ')}]` : 'an unknown shape',
  })
}

function fittingPart(
  { name, base, parts }: Adapter,
  key: string,
  size: ProjectionSize,
  headSize: number,
): LowRank | undefined {
  const part = parts.get(key)
  if (!part) return undefined
  const fitting = fitHeads(part, size, headSize)
  if (fitting) return fitting
  throw otherModel(
    name,
    base,
    `matrices for ${size.inputs} inputs and ${size.outputs} outputs of ${key}`,
    `${part.a.dims[1]} inputs and ${part.b.dims[0]} outputs`,
  )
}

const branch =
  (
    { place, input }: GraphProjection,
    parts: readonly (LowRank | undefined)[],
    size: ProjectionSize,
    type: FloatType,
  ): RewriteRule =>
  (node, { fresh, weights }) => {
    const key = keyOf(place)
    const stacks = stack(key, parts, size)
    const stored = weights(`${key} stacks`, () => ({
      a: asFloats(stacks.a, stacks.a.name, type),
      b: asFloats(stacks.b, stacks.b.name, type),
    }))
    const [output = ''] = node.output
    const name = (role: string) => fresh(`${key}.${role}`)
    const [base, a, b, inner, added] = [name('base'), name('a'), name('b'), name('inner'), name('added')]
    return [
      changeNode(node, { output: [base] }),
      makeNode({ op: 'Gather', inputs: [stored.a, idsInput], outputs: [a] }),
      makeNode({ op: 'Gather', inputs: [stored.b, idsInput], outputs: [b] }),
      makeNode({ op: 'MatMul', inputs: [input, a], outputs: [inner] }),
      makeNode({ op: 'MatMul', inputs: [inner, b], outputs: [added] }),
      makeNode({ op: 'Add', inputs: [base, added], outputs: [output] }),
    ]
  }

const withoutProjection = ({ name }: ProjectionPlace, known: ReadonlySet<string>) =>
  new SpillwayError('not_supported', `The graph has no ${name}`, {
    expected: [...known].join(', ') || 'projections by the names of "spillway import" or of the hub',
    hint: 'An export may join several projections in one product.',
  })

const otherModel = (name: string, base: string | undefined, expected: string, got: string) =>
  malformed(`The adapter "${name}" is for another model`, {
    expected,
    got,
    ...(base !== undefined && { hint: `It says that it was trained on ${base}.` }),
  })

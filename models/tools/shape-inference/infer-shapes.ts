import { constantsToWeights } from '../graph/constants.ts'
import { operatorOf } from '../graph/node.ts'
import { declaredOf } from '../graph/values.ts'
import { subgraphsOf } from '../onnx/data-flow.ts'
import type { Model, Node, Value } from '../onnx/model.ts'
import { integersOf } from '../onnx/values.ts'
import { type Weight, weightCount } from '../onnx/weight.ts'
import { compute } from './compute.ts'
import { elementwise } from './elementwise.ts'
import { indexing } from './indexing.ts'
import { type InferenceRule, isIntegers, type KnownValue, known, unknownValue } from './known.ts'
import { quantized } from './quantized.ts'
import { shaping } from './shaping.ts'

/** The outputs of an If: what both branches declare. */
const branch: InferenceRule = (node) => {
  const [first = [], second = []] = subgraphsOf(node).map(({ output }) => output.map(declaredOf))
  return node.output.map((_, index): KnownValue => {
    const [one, other] = [first[index], second[index]]
    const shape = one?.shape?.filter((size) => typeof size === 'number')
    const same = shape?.length === one?.shape?.length && one?.shape?.join() === other?.shape?.join()
    return known(one?.type === other?.type ? (one?.type ?? 0) : 0, same ? shape : undefined)
  })
}

const rules = new Map<string, InferenceRule>([
  ...elementwise,
  ...shaping,
  ...indexing,
  ...compute,
  ['If', branch],
  ...quantized,
])

/** Whether there is a rule for an operator. */
export const hasRule = (operator: string): boolean => rules.has(operator)

/** Input shapes by name. */
export type InputShapes = ReadonlyMap<string, readonly number[]>

/** Input shapes for messages: `image [1, 3, 224, 224], and 4 more`. */
export function showShapes(shapes: InputShapes): string {
  const shown = [...shapes].map(([name, shape]) => `${name} [${shape.join(', ')}]`)
  const rest = shown.length > 3 ? `, and ${shown.length - 3} more` : ''
  return `${shown.slice(0, 3).join(', ')}${rest}`
}

/**
 * Infers types and shapes of all values for given input shapes. Nothing runs, so an untrusted model costs no more
 * than reading it.
 */
export function infer(model: Model, shapes: InputShapes): ReadonlyMap<string, KnownValue> {
  const plain = constantsToWeights(model)
  const inference = startInference(plain, shapes)
  for (const node of plain.nodes) inference.step(node)
  return inference.values
}

/** Inference node by node, for a pass that changes nodes on the way. */
export interface Inference {
  readonly values: ReadonlyMap<string, KnownValue>
  /** The outputs of a node whose inputs are inferred. */
  outputsOf(node: Node): readonly KnownValue[]
  /** Adds the outputs of a node to the values. */
  step(node: Node): void
  /** Adds a weight that is not in the model. */
  addWeight(weight: Weight): void
}

export function startInference(
  { weights, inputs, graphMetadata, outputs }: Model,
  shapes: InputShapes,
): Inference {
  const values = new Map<string, KnownValue>()
  const addWeight = (weight: Weight): void => {
    values.set(weight.name, ofWeight(weight))
  }
  for (const weight of weights.values()) addWeight(weight)
  const declared = new Map(
    [...graphMetadata.valueInfo, ...outputs].map((value) => [value.name, ofValue(value)]),
  )
  for (const value of inputs) {
    const given = shapes.get(value.name)
    values.set(value.name, given ? known(ofValue(value).type, given) : ofValue(value))
  }
  const outputsOf = (node: Node): readonly KnownValue[] => {
    const given = node.input.map((name) => values.get(name))
    const found = rules.get(operatorOf(node))?.(node, given) ?? []
    return node.output.map((name, index) =>
      merge(found[index] ?? unknownValue, declared.get(name) ?? unknownValue),
    )
  }
  return {
    values,
    outputsOf,
    step: (node) => {
      const found = outputsOf(node)
      for (const [index, name] of node.output.entries()) {
        if (name !== '') values.set(name, found[index] ?? unknownValue)
      }
    },
    addWeight,
  }
}

/** The inferred value, completed by the declared one. */
const merge = (found: KnownValue, declared: KnownValue): KnownValue => ({
  type: found.type || declared.type,
  shape: found.shape ?? declared.shape,
  ints: found.ints,
})

function ofWeight(weight: Weight): KnownValue {
  const ints =
    isIntegers(weight.type) && weightCount(weight) <= 4096 ? integersOf(weight).map(saturate) : undefined
  return known(weight.type, weight.dims, ints)
}

/** Open ends of slices are often the largest 64-bit integer. */
const saturate = (integer: number) =>
  Math.max(Number.MIN_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, integer))

function ofValue(value: Value): KnownValue {
  const { type, shape } = declaredOf(value)
  return known(type, shape?.every((size) => typeof size === 'number') ? shape : undefined)
}

import { constantsToWeights } from '../graph/constants.ts'
import { operatorOf } from '../graph/node.ts'
import type { Model, Value } from '../onnx/model.ts'
import { integersOf } from '../onnx/values.ts'
import { type Weight, weightCount } from '../onnx/weight.ts'
import { compute } from './compute.ts'
import { control } from './control.ts'
import { declaredOf } from './declared.ts'
import { elementwise } from './elementwise.ts'
import { indexing } from './indexing.ts'
import { isIntegers, type Known, known, type Rule, unknown } from './known.ts'
import { quantized } from './quantized.ts'
import { shaping } from './shaping.ts'

const rules = new Map<string, Rule>([
  ...elementwise,
  ...shaping,
  ...indexing,
  ...compute,
  ...control,
  ...quantized,
])

/** Whether it is known what an operator gives. */
export const hasRule = (operator: string): boolean => rules.has(operator)

/** Shapes as a caller would give them, by the names of inputs. */
export type InputShapes = ReadonlyMap<string, readonly number[]>

/**
 * Types and shapes of all values for given input shapes, as far as they follow from the file: nothing is run,
 * so a hostile model costs no more than reading it did.
 */
export function infer(model: Model, shapes: InputShapes): ReadonlyMap<string, Known> {
  const { nodes, weights, inputs, notes, outputs } = constantsToWeights(model)
  const values = new Map<string, Known>(
    [...weights.values()].map((weight) => [weight.name, ofWeight(weight)]),
  )
  const declared = new Map([...notes.valueInfo, ...outputs].map((value) => [value.name, ofValue(value)]))
  for (const value of inputs) {
    const given = shapes.get(value.name)
    values.set(value.name, given ? known(ofValue(value).type, given) : ofValue(value))
  }
  for (const node of nodes) {
    const rule = rules.get(operatorOf(node))
    const given = node.input.map((name) => values.get(name))
    const found = rule?.(node, given) ?? []
    for (const [index, name] of node.output.entries()) {
      if (name !== '') values.set(name, merge(found[index] ?? unknown, declared.get(name) ?? unknown))
    }
  }
  return values
}

/** What was computed, filled up with what the file declares. */
const merge = (found: Known, declared: Known): Known => ({
  type: found.type || declared.type,
  shape: found.shape ?? declared.shape,
  ints: found.ints,
})

function ofWeight(weight: Weight): Known {
  const ints =
    isIntegers(weight.type) && weightCount(weight) <= 4096 ? integersOf(weight).map(saturate) : undefined
  return known(weight.type, weight.dims, ints)
}

/** The ends of a slice are often written as the largest 64-bit integer. */
const saturate = (integer: number) =>
  Math.max(Number.MIN_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, integer))

function ofValue(value: Value): Known {
  const { type, shape } = declaredOf(value)
  return known(type, shape?.every((size) => typeof size === 'number') ? shape : undefined)
}

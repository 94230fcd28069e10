import { SpillwayError } from '../../core/error.ts'
import { declaredOf } from '../graph/values.ts'
import type { Model } from '../onnx/model.ts'
import type { InputShapes } from './infer-shapes.ts'

/** A shape for every input of known rank: the given one, else the declared one with open dimensions at 1. */
export function openShapes(model: Model, given: InputShapes): Map<string, readonly number[]> {
  const names = model.inputs.map(({ name }) => name)
  for (const name of given.keys()) {
    if (names.includes(name)) continue
    throw new SpillwayError('input_name_invalid', `The model has no input "${name}"`, {
      expected: names.join(', '),
    })
  }
  const shapes = new Map<string, readonly number[]>()
  for (const value of model.inputs) {
    const declared = declaredOf(value).shape
    const own = given.get(value.name)
    if (own && declared) checkFits(value.name, own, declared)
    const shape = own ?? declared?.map((size) => (typeof size === 'number' ? size : 1))
    if (shape) shapes.set(value.name, shape)
  }
  return shapes
}

function checkFits(
  name: string,
  shape: readonly number[],
  declared: readonly (number | string | undefined)[],
): void {
  const fits =
    shape.length === declared.length &&
    shape.every((size, axis) => typeof declared[axis] !== 'number' || declared[axis] === size)
  if (fits) return
  throw new SpillwayError('input_shape_invalid', `Input "${name}" has another shape`, {
    expected: `[${declared.map((size) => size ?? '?').join(', ')}]`,
    got: `[${shape.join(', ')}]`,
  })
}

/** Length of a made-up prompt in tokens. */
const sequence = 8

/**
 * A shape for every input: the given one, else the declared one. Open dimensions get sizes by their names, as
 * language models use them (a prompt without a past), or 1.
 */
export function sampleShapes(model: Model, given: InputShapes): Map<string, readonly number[]> {
  const shapes = openShapes(model, given)
  for (const value of model.inputs) {
    if (given.has(value.name)) continue
    const declared = declaredOf(value).shape
    if (declared) shapes.set(value.name, declared.map(sizeOf))
  }
  return shapes
}

function sizeOf(declared: number | string | undefined): number {
  if (typeof declared === 'number') return declared
  if (declared === undefined) return 1
  if (/total|\+/i.test(declared)) return sequence
  if (/past/i.test(declared)) return 0
  return /seq/i.test(declared) ? sequence : 1
}

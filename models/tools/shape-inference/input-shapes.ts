import { SpillwayError } from '../../core/error.ts'
import { declaredOf } from '../graph/values.ts'
import { DataType } from '../onnx/data-type.ts'
import type { Model, Value } from '../onnx/model.ts'
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

/** Typical sizes of open dimensions, for made-up inputs and estimates of memory. */
export interface TypicalSizes {
  /** Tokens of a text, or steps of another sequence. */
  readonly sequence: number
}

/** Short, because made-up inputs are run many times. */
const sampleSizes: TypicalSizes = { sequence: 8 }
/** The length of a common text. A language model's prompt is read in pieces. */
const memorySizes: TypicalSizes = { sequence: 128 }

/** Side of a picture in pixels. */
const picture = 224
/** Samples of a second of sound. */
const second = 16_000

/**
 * A shape for every input, for made-up inputs: the given one, else the declared one. Open dimensions get typical sizes
 * by their names and places (a language model's prompt is without a past), or 1 where these say nothing.
 */
export const sampleShapes = (model: Model, given: InputShapes): Map<string, readonly number[]> =>
  typicalShapes(model, given, sampleSizes)

/** As `sampleShapes`, for estimates of memory. */
export const memoryShapes = (model: Model, given: InputShapes): Map<string, readonly number[]> =>
  typicalShapes(
    model,
    given,
    model.inputs.some(({ name }) => /^past_key/.test(name)) ? sampleSizes : memorySizes,
  )

function typicalShapes(
  model: Model,
  given: InputShapes,
  sizes: TypicalSizes,
): Map<string, readonly number[]> {
  const shapes = openShapes(model, given)
  for (const value of model.inputs) {
    if (given.has(value.name)) continue
    const { shape, type } = declaredOf(value)
    if (shape)
      shapes.set(
        value.name,
        shape.map((_, axis) => sizeOf(shape, axis, type, sizes) ?? 1),
      )
  }
  return shapes
}

/**
 * The inputs with open dimensions, besides the first, whose typical size is not known: with a size of 1 most of the model
 * would do nothing.
 */
export const inputsWithoutTypicalSize = ({ inputs }: Model, given: InputShapes): readonly Value[] =>
  inputs.filter((value) => {
    const { shape, type } = declaredOf(value)
    if (given.has(value.name) || !shape) return false
    return shape.some((_, axis) => sizeOf(shape, axis, type, sampleSizes) === undefined)
  })

type Declared = readonly (number | string | undefined)[]

/** The typical size of a dimension; undefined where it is not known. */
function sizeOf(shape: Declared, axis: number, type: number, { sequence }: TypicalSizes): number | undefined {
  const declared = shape[axis]
  if (typeof declared === 'number') return declared
  const name = declared ?? ''
  if (/total|\+/i.test(name)) return sequence
  if (/past/i.test(name)) return 0
  if (/seq|token|text|time|frame|step/i.test(name)) return sequence
  if (/height|width|pixel/i.test(name) || /^[hw]$/i.test(name)) return picture
  if (/sample|audio|wave|sound/i.test(name)) return second
  if (axis === 0 || /batch/i.test(name)) return 1
  if (isPictureSide(shape, axis)) return picture
  // Token ids: one list for each text.
  const isInteger = type === DataType.INT64 || type === DataType.INT32
  return isInteger && shape.length === 2 ? sequence : undefined
}

/** Whether a dimension is the height or width of pictures with a few channels, before or after these. */
function isPictureSide(shape: Declared, axis: number): boolean {
  const isChannelCount = (size: Declared[number]) => typeof size === 'number' && size <= 4
  if (shape.length !== 4) return false
  return (axis >= 2 && isChannelCount(shape[1])) || ((axis === 1 || axis === 2) && isChannelCount(shape[3]))
}

import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { messageOf } from '../../core/error.ts'
import { toHalf } from '../../core/half.ts'
import { arrayOf, elementCount, showShape, type Tensor, tensorTypes } from '../../core/tensor.ts'
import { invalidSample } from '../errors.ts'
import { declaredOf } from '../graph/values.ts'
import { nameOf } from '../onnx/data-type.ts'
import type { Model, Value } from '../onnx/model.ts'
import { canHold, expectedOf } from './constant-inputs.ts'
import type { Tensors } from './runtime.ts'

/** Samples from JSON: a list of objects with an array, flat or nested, or `{ shape, data }` for each input. */
export function jsonSamples(model: Model, file: string, known: ReadonlySet<string>): Tensors[] {
  const list = parse(file)
  if (!Array.isArray(list)) throw invalidSample(file, 'a list of samples', typeof list)
  return list.map((sample: unknown, index) => {
    const where = `Sample ${index} of ${basename(file)}`
    const entries = new Map(Object.entries(typeof sample === 'object' && sample !== null ? sample : {}))
    const tensors = model.inputs.flatMap((value) => {
      const given: unknown = entries.get(value.name)
      if (given === undefined && known.has(value.name)) return []
      if (given === undefined)
        throw invalidSample(where, `an array for "${value.name}"`, [...entries.keys()].join(', '))
      return [[value.name, toTensor(value, given, `"${value.name}" of ${where.toLowerCase()}`)] as const]
    })
    return Object.fromEntries(tensors)
  })
}

function parse(file: string): unknown {
  try {
    const bytes = readFileSync(file)
    return JSON.parse((file.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8'))
  } catch (cause) {
    throw invalidSample(file, 'JSON', messageOf(cause))
  }
}

function toTensor(value: Value, given: unknown, where: string): Tensor {
  const explicit = typeof given === 'object' && given !== null && 'data' in given ? given : { data: given }
  const elements: unknown[] = Array.isArray(explicit.data)
    ? explicit.data.flat(Number.POSITIVE_INFINITY)
    : [explicit.data]
  const declared = declaredOf(value)
  const type = tensorTypes.find((known) => known === nameOf(declared.type)) ?? 'float32'
  const shape =
    'shape' in explicit && Array.isArray(explicit.shape)
      ? explicit.shape.map(Number)
      : fitted(sizesOf(explicit.data), elements.length, declared.shape)
  const possible = shape.every((size) => Number.isSafeInteger(size) && size >= 0)
  if (!possible || elementCount(shape) !== elements.length) {
    throw invalidSample(where, `the number of elements of shape ${showShape(shape)}`, `${elements.length}`)
  }
  if (type === 'string') {
    const strings = elements.filter((element) => typeof element === 'string')
    if (strings.length < elements.length) throw invalidSample(where, 'strings', 'others')
    return { type, data: strings, shape }
  }
  const data = new (arrayOf(type))(elements.length)
  for (const [index, one] of elements.entries()) {
    if (typeof one !== 'number' && typeof one !== 'boolean') throw invalidSample(where, 'numbers', typeof one)
    if (!canHold(type, Number(one))) throw invalidSample(where, expectedOf(type), String(one))
    if (data instanceof BigInt64Array || data instanceof BigUint64Array) data[index] = BigInt(one)
    else data[index] = type === 'float16' ? toHalf(Number(one)) : Number(one)
  }
  return { type, data, shape }
}

const sizesOf = (value: unknown): number[] =>
  Array.isArray(value) ? [value.length, ...sizesOf(value[0])] : []

/**
 * The shape of a list. A nested list has its own, with or without the batch; a flat one is one row of the declared
 * shape.
 */
function fitted(
  nested: readonly number[],
  length: number,
  declared: readonly (number | string | undefined)[] | undefined,
): readonly number[] {
  if (declared === undefined || nested.length === declared.length) return nested
  if (nested.length === declared.length - 1 && nested.length > 1) return [1, ...nested]
  const open = declared.findLastIndex((size) => typeof size !== 'number')
  const sizes = declared.map((size) => (typeof size === 'number' ? size : 1))
  return sizes.map((size, axis) => (axis === open ? length / elementCount(sizes) : size))
}

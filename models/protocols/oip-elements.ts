/** The elements of a tensor in JSON, checked while they are copied. */
import { SpillwayError } from '../core/error.ts'
import {
  arrayOf,
  elementCount,
  type NumericData,
  type NumericType,
  showShape,
  type TensorData,
  type TensorType,
} from '../core/tensor.ts'

/** Elements as parsed: `JSON.parse` makes arrays, the server's own reader makes a Float64Array. */
export type Elements = readonly unknown[] | Float64Array

export const isElements = (value: unknown): value is Elements =>
  Array.isArray(value) || value instanceof Float64Array

/** A tensor's name, for messages, and its datatype in the protocol's words. */
interface Wire {
  readonly name: string
  readonly datatype: string
}

/** Types that the protocol has a JSON form for. */
type JsonType = Exclude<TensorType, 'float16'>

/** @throws SpillwayError `input_size_invalid` or `input_value_invalid`. */
export function readElements(
  wire: Wire,
  type: JsonType,
  data: Elements,
  shape: readonly number[],
): TensorData {
  const elements = flatten(wire.name, data, shape)
  // Compared before memory is allocated by a shape from the request.
  if (elements.length !== elementCount(shape)) {
    throw new SpillwayError('input_size_invalid', `"${wire.name}" has the wrong number of elements`, {
      expected: `${elementCount(shape)} for shape ${showShape(shape)}`,
      got: `${elements.length}`,
    })
  }
  return type === 'string' ? readStrings(wire, elements) : readNumbers(wire, type, elements)
}

function readStrings(wire: Wire, elements: Elements): readonly string[] {
  const list: unknown[] = Array.from(elements)
  const wrong = list.findIndex((element) => typeof element !== 'string')
  if (wrong !== -1) throw badValue(wire, wrong, list[wrong])
  return list as string[]
}

function readNumbers(
  wire: Wire,
  type: Exclude<JsonType, 'string'>,
  elements: ArrayLike<unknown>,
): NumericData {
  const data = new (arrayOf(type))(elements.length)
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) {
    const isSigned = type === 'int64'
    for (let index = 0; index < elements.length; index++) {
      const element = elements[index]
      const value = typeof element === 'number' && Number.isSafeInteger(element) ? BigInt(element) : element
      // Compared with itself in 64 bits: typed arrays would wrap larger values silently.
      if (typeof value !== 'bigint' || (isSigned ? BigInt.asIntN : BigInt.asUintN)(64, value) !== value)
        throw badValue(wire, index, element)
      data[index] = value
    }
    return data
  }
  const invalidAt = type.startsWith('float')
    ? fillFloats(data, elements, rangeOf(type))
    : fillIntegers(data, type === 'bool' ? Array.from(elements, bit) : elements, rangeOf(type))
  if (invalidAt !== undefined) throw badValue(wire, invalidAt, elements[invalidAt])
  return data
}

type NumberData = Exclude<NumericData, BigInt64Array | BigUint64Array>
type Range = readonly [low: number, high: number]

/** What JSON has no numbers for, as Protobuf's JSON writes it. */
const notFinite = new Set(['NaN', 'Infinity', '-Infinity'])

/** Returns the index of an invalid element. One plain loop, because most of a server's own work is here. */
function fillFloats(data: NumberData, elements: ArrayLike<unknown>, [low, high]: Range): number | undefined {
  for (let index = 0; index < elements.length; index++) {
    let element = elements[index]
    // A long integer beside 64-bit integers.
    if (typeof element === 'bigint') element = Number(element)
    if (typeof element === 'number' && element >= low && element <= high) data[index] = element
    else if (typeof element === 'string' && notFinite.has(element)) data[index] = Number(element)
    else return index
  }
  return undefined
}

function fillIntegers(
  data: NumberData,
  elements: ArrayLike<unknown>,
  [low, high]: Range,
): number | undefined {
  for (let index = 0; index < elements.length; index++) {
    const element = elements[index]
    if (typeof element !== 'number' || !(element >= low && element <= high) || !Number.isInteger(element))
      return index
    data[index] = element
  }
  return undefined
}

const bit = (element: unknown) => (typeof element === 'boolean' ? Number(element) : element)

/** The range of `type`: typed arrays would wrap larger values silently. */
function rangeOf(type: NumericType): Range {
  if (type === 'bool') return [0, 1]
  if (type === 'float32') return [-3.4028235677973366e38, 3.4028235677973366e38]
  if (type === 'float64' || type === 'float16') return [-Number.MAX_VALUE, Number.MAX_VALUE]
  const bits = arrayOf(type).BYTES_PER_ELEMENT * 8
  return type.startsWith('uint') ? [0, 2 ** bits - 1] : [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1]
}

/**
 * The protocol allows `data` to be flat, or nested like the shape.
 *
 * @throws SpillwayError `input_size_invalid` for lists that are nested in another way.
 */
function flatten(name: string, data: Elements, shape: readonly number[]): Elements {
  if (!Array.isArray(data) || !Array.isArray(data[0])) return data
  const elements: unknown[] = []
  const add = (list: unknown, axis: number) => {
    const size = shape[axis]
    if (!Array.isArray(list) || list.length !== size) {
      throw new SpillwayError('input_size_invalid', `"${name}" has data that is not nested like its shape`, {
        expected: size === undefined ? `lists ${shape.length} deep` : `lists of ${size} at depth ${axis + 1}`,
        got: Array.isArray(list) ? `a list of ${list.length}` : typeof list,
      })
    }
    if (axis === shape.length - 1) for (const element of list) elements.push(element)
    else for (const inner of list) add(inner, axis + 1)
  }
  add(data, 0)
  return elements
}

const badValue = ({ name, datatype }: Wire, index: number, got: unknown) =>
  new SpillwayError('input_value_invalid', `"${name}" has an invalid element at ${index}`, {
    expected: datatype === 'BYTES' ? 'a string' : `a ${datatype} number`,
    got: (typeof got === 'bigint' ? String(got) : JSON.stringify(got))?.slice(0, 40) ?? 'nothing',
  })

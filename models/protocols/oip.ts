/**
 * Open Inference Protocol v2, as KServe and Triton speak it: the wire format of a run, with tensors in JSON.
 * The binary tensor extension is in oip-binary.ts.
 * Source: https://github.com/kserve/open-inference-protocol
 */
import * as z from 'zod/mini'
import { SpillwayError } from '../core/error.ts'
import type { Manifest } from '../core/manifest.ts'
import {
  arrayOf,
  elementCount,
  showShape,
  type Tensor,
  type TensorData,
  type TensorType,
  tensorTypes,
} from '../core/tensor.ts'
import type { TensorSpec } from '../core/tensor-spec.ts'
import { exactInteger, rawNumber } from './raw-numbers.ts'

const datatypes = {
  float32: 'FP32',
  float64: 'FP64',
  float16: 'FP16',
  int8: 'INT8',
  uint8: 'UINT8',
  int16: 'INT16',
  uint16: 'UINT16',
  int32: 'INT32',
  uint32: 'UINT32',
  int64: 'INT64',
  uint64: 'UINT64',
  bool: 'BOOL',
} as const satisfies Record<TensorType, string>

/** The protocol's name of a type. */
export const datatypeOf = (type: TensorType): string => datatypes[type]

const typeOfDatatype = new Map<string, TensorType>(tensorTypes.map((type) => [datatypes[type], type]))

/** KServe's own client writes null for an absent member. */
const nullish = <T extends z.core.SomeType>(schema: T) => z.optional(z.nullable(schema))

const parameters = nullish(z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])))

/** A tensor's elements: `JSON.parse` makes arrays, the server's own reader makes a Float64Array. */
type Elements = readonly unknown[] | Float64Array

const isElements = (value: unknown): value is Elements =>
  Array.isArray(value) || value instanceof Float64Array

const wireTensor = z.object({
  name: z.string(),
  shape: z.array(z.int().check(z.nonnegative())),
  datatype: z.string(),
  parameters,
  // Elements are checked while they are copied: a schema per element would cost more than the run.
  // Absent where the elements follow the JSON part.
  data: nullish(z.custom<Elements>(isElements, 'an array')),
})

/** The body of an inference request. */
export const inferRequest = z.object({
  id: nullish(z.string()),
  parameters,
  inputs: z.array(wireTensor),
  outputs: nullish(z.array(z.object({ name: z.string(), parameters }))),
})

/** The body of an inference response. */
export const inferResponse = z.object({
  model_name: z.string(),
  model_version: nullish(z.string()),
  id: nullish(z.string()),
  parameters,
  outputs: z.array(wireTensor),
})

/** A tensor in a body. */
export type WireTensor = z.infer<typeof wireTensor>
/** See `inferRequest`. */
export type InferRequest = z.infer<typeof inferRequest>
/** See `inferResponse`. */
export type InferResponse = z.infer<typeof inferResponse>

/** A model's metadata: `GET /v2/models/{name}`. */
export const modelMetadata = (manifest: Manifest) => ({
  name: manifest.id,
  versions: [manifest.version],
  platform: 'onnxruntime_onnx',
  inputs: manifest.inputs.map(tensorMetadata),
  outputs: manifest.outputs.map(tensorMetadata),
})

const tensorMetadata = ({ name, type, shape }: TensorSpec) => ({ name, datatype: datatypes[type], shape })

/**
 * The response header with an error's code, because the protocol fixes the body as `{"error": message}`. Other servers
 * do not send it.
 */
export const errorCodeHeader = 'spillway-error'

/**
 * The response header with the milliseconds that a new request to the model would wait. A client compares it with its
 * own queue.
 */
export const queueHeader = 'spillway-queue-ms'

/**
 * A tensor for the JSON part, which `stringifyJson` writes.
 *
 * @throws SpillwayError `input_value_invalid` for NaN and infinities; `not_supported` for half floats.
 */
export function encodeTensor(name: string, { type, data, shape }: Tensor): WireTensor {
  if (type === 'float16') throw halfFloat(name)
  const elements: unknown[] = new Array(data.length)
  for (let index = 0; index < data.length; index++) {
    const element = data[index]
    const value = Number(element)
    if (!Number.isFinite(value)) {
      throw new SpillwayError(
        'input_value_invalid',
        `"${name}" has an element at ${index} that JSON cannot carry`,
        {
          expected: 'a finite number',
          got: String(element),
        },
      )
    }
    if (type === 'bool') elements[index] = value !== 0
    else if (typeof element === 'bigint') elements[index] = exactInteger(element)
    else elements[index] = value === 0 && Object.is(value, -0) ? rawNumber('-0.0') : value
  }
  return { name, shape: [...shape], datatype: datatypes[type], data: elements }
}

/**
 * The type that a datatype of the protocol stands for.
 *
 * @throws SpillwayError `input_type_invalid`, or `not_supported` for strings (BYTES).
 */
export function wireType(name: string, datatype: string): TensorType {
  const type = typeOfDatatype.get(datatype)
  if (type !== undefined) return type
  if (datatype === 'BYTES')
    throw new SpillwayError('not_supported', `"${name}" is BYTES, but models here take numbers only`)
  throw new SpillwayError('input_type_invalid', `"${name}" has an unknown datatype`, {
    expected: [...typeOfDatatype.keys()].join(', '),
    got: datatype,
  })
}

/**
 * A tensor out of the JSON part.
 *
 * @throws SpillwayError `input_type_invalid`, `input_size_invalid`, `input_value_invalid` or `not_supported`.
 */
export function decodeTensor({ name, datatype, shape, data }: WireTensor): Tensor {
  const type = wireType(name, datatype)
  if (!data) {
    throw new SpillwayError('input_size_invalid', `"${name}" has no data`, {
      expected: '"data", or "binary_data_size" in its parameters',
    })
  }
  if (type === 'float16') throw halfFloat(name)
  const elements = flatten(name, data, shape)
  // Compared before memory is allocated by a shape from the request.
  if (elements.length !== elementCount(shape)) {
    throw new SpillwayError('input_size_invalid', `"${name}" has the wrong number of elements`, {
      expected: `${elementCount(shape)} for shape ${showShape(shape)}`,
      got: `${elements.length}`,
    })
  }
  return { type, data: fill(name, type, elements), shape }
}

function fill(name: string, type: Exclude<TensorType, 'float16'>, elements: ArrayLike<unknown>): TensorData {
  const data = new (arrayOf(type))(elements.length)
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) {
    const isSigned = type === 'int64'
    for (let index = 0; index < elements.length; index++) {
      const element = elements[index]
      const value = typeof element === 'number' && Number.isSafeInteger(element) ? BigInt(element) : element
      // Compared with itself in 64 bits: typed arrays would wrap larger values silently.
      if (typeof value !== 'bigint' || (isSigned ? BigInt.asIntN : BigInt.asUintN)(64, value) !== value)
        throw badValue(name, type, index, element)
      data[index] = value
    }
    return data
  }
  const invalidAt = type.startsWith('float')
    ? fillFloats(data, elements, rangeOf(type))
    : fillIntegers(data, type === 'bool' ? Array.from(elements, bit) : elements, rangeOf(type))
  if (invalidAt !== undefined) throw badValue(name, type, invalidAt, elements[invalidAt])
  return data
}

type NumberData = Exclude<TensorData, BigInt64Array | BigUint64Array>
type Range = readonly [low: number, high: number]

/** Returns the index of an invalid element. One plain loop, because most of a server's own work is here. */
function fillFloats(data: NumberData, elements: ArrayLike<unknown>, [low, high]: Range): number | undefined {
  for (let index = 0; index < elements.length; index++) {
    let element = elements[index]
    // A long integer beside 64-bit integers.
    if (typeof element === 'bigint') element = Number(element)
    if (typeof element !== 'number' || !(element >= low && element <= high)) return index
    data[index] = element
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
function rangeOf(type: TensorType): Range {
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

const badValue = (name: string, type: TensorType, index: number, got: unknown) =>
  new SpillwayError('input_value_invalid', `"${name}" has an invalid element at ${index}`, {
    expected: `a ${datatypes[type]} number`,
    got: (typeof got === 'bigint' ? String(got) : JSON.stringify(got))?.slice(0, 40) ?? 'nothing',
  })

const halfFloat = (name: string) =>
  new SpillwayError('not_supported', `"${name}" is FP16, which the protocol's JSON form does not have`, {
    hint: 'Send it with the binary tensor extension.',
  })

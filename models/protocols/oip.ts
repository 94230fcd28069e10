/**
 * Open Inference Protocol v2, as KServe and Triton speak it: the wire format of a run, with tensors in JSON.
 * The binary tensor extension is in oip-binary.ts.
 * Source: https://github.com/kserve/open-inference-protocol
 */
import { SpillwayError } from '../core/error.ts'
import type { Manifest } from '../core/manifest.ts'
import { isStrings, type NumericData, type Tensor, type TensorType, tensorTypes } from '../core/tensor.ts'
import type { TensorSpec } from '../core/tensor-spec.ts'
import { readElements } from './oip-elements.ts'
import type { WireTensor } from './oip-schemas.ts'
import { exactInteger, rawNumber } from './raw-numbers.ts'

export { errorCodeHeader, queueHeader } from './oip-names.ts'

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
  string: 'BYTES',
} as const satisfies Record<TensorType, string>

/** The protocol's name of a type. */
export const datatypeOf = (type: TensorType): string => datatypes[type]

const typeOfDatatype = new Map<string, TensorType>(tensorTypes.map((type) => [datatypes[type], type]))

/**
 * A model's metadata: `GET /v2/models/{name}`.
 *
 * @param versions All versions of the model that the server has.
 */
export const modelMetadata = (manifest: Manifest, versions: readonly string[] = [manifest.version]) => ({
  name: manifest.id,
  versions,
  platform: 'onnxruntime_onnx',
  inputs: manifest.inputs.map(tensorMetadata),
  outputs: manifest.outputs.map(tensorMetadata),
})

/** The protocol has no form for any number of dimensions: such a tensor says −1. */
const tensorMetadata = ({ name, type, shape }: TensorSpec) => ({
  name,
  datatype: datatypes[type],
  shape: shape ?? [-1],
})

/**
 * A tensor for the JSON part, which `stringifyJson` writes. JSON has no NaN and no infinities: they are the strings "NaN",
 * "Infinity" and "-Infinity", as in Protobuf's JSON.
 *
 * @throws SpillwayError `not_supported` for half floats.
 */
export function encodeTensor(name: string, { type, data, shape }: Tensor): WireTensor {
  if (type === 'float16') throw halfFloat(name)
  return {
    name,
    shape: [...shape],
    datatype: datatypes[type],
    data: isStrings(data) ? data : jsonNumbers(type, data),
  }
}

function jsonNumbers(type: TensorType, data: NumericData): unknown[] {
  const elements: unknown[] = new Array(data.length)
  for (let index = 0; index < data.length; index++) {
    const element = data[index] ?? 0
    const value = Number(element)
    if (type === 'bool') elements[index] = value !== 0
    else if (typeof element === 'bigint') elements[index] = exactInteger(element)
    else if (!Number.isFinite(value)) elements[index] = String(value)
    else elements[index] = value === 0 && Object.is(value, -0) ? rawNumber('-0.0') : value
  }
  return elements
}

/**
 * The type that a datatype of the protocol stands for.
 *
 * @throws SpillwayError `input_type_invalid`.
 */
export function wireType(name: string, datatype: string): TensorType {
  const type = typeOfDatatype.get(datatype)
  if (type !== undefined) return type
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
  return { type, data: readElements({ name, datatype }, type, data, shape), shape }
}

const halfFloat = (name: string) =>
  new SpillwayError('not_supported', `"${name}" is FP16, which the protocol's JSON form does not have`, {
    hint: 'Send it with the binary tensor extension.',
  })

import { Tensor as OnnxTensor, type SessionHandler } from 'onnxruntime-common'
import {
  isStrings,
  type NumericData,
  SpillwayError,
  showShape,
  type Tensor,
  type TensorData,
  tensorTypes,
} from '../../../models/core/index.ts'
import type { Tensors } from '../../../workers/host/scheduler/work.ts'

type Feeds = SessionHandler.FeedsType
type Fetches = SessionHandler.FetchesType
type Results = SessionHandler.ReturnType

/**
 * Copies of a run's inputs: the caller may change its own arrays as soon as it has made the call.
 *
 * @param names Those that the graph has.
 * @throws SpillwayError `input_name_invalid`, or `not_supported` for a tensor that a lane cannot take.
 */
export function copyInputs(feeds: Feeds, names: readonly string[]): Tensors {
  const inputs: Record<string, Tensor> = {}
  for (const name of Object.keys(feeds)) {
    const tensor = feeds[name]
    if (!names.includes(name) || !tensor)
      throw new SpillwayError('input_name_invalid', `The model has no input "${name}"`, {
        expected: names.join(', '),
        got: name,
      })
    inputs[name] = copyOf(name, tensor)
  }
  return inputs
}

function copyOf(name: string, tensor: OnnxTensor): Tensor {
  const { type: given, dims } = tensor
  refuseElsewhere(`Input "${name}"`, tensor, 'Read it first: `await tensor.getData()` brings it into memory.')
  const type = tensorTypes.find((known) => known === given)
  if (type === undefined)
    throw new SpillwayError('not_supported', `Input "${name}" is of a type that lanes do not take`, {
      expected: tensorTypes.join(', '),
      got: given,
    })
  const { data } = tensor
  return { type, data: type === 'float16' ? bitsOf(data) : copyData(data), shape: [...dims] }
}

/** @throws SpillwayError `not_supported` for tensors that outputs cannot be written to. */
export function checkFetches(fetches: Fetches): void {
  for (const [name, tensor] of Object.entries(fetches))
    if (tensor)
      refuseElsewhere(
        `The tensor for output "${name}"`,
        tensor,
        'Name the output only, and copy its data to the GPU.',
      )
}

/** A lane is a worker: it has no access to the page's GPU device and its buffers. */
function refuseElsewhere(subject: string, { location }: OnnxTensor, hint: string): void {
  if (location === 'cpu' || location === 'cpu-pinned') return
  const where = location === 'none' ? 'was disposed' : "is on the page's GPU, where no lane can reach it"
  throw new SpillwayError('not_supported', `${subject} ${where}`, {
    expected: "a tensor in the page's memory",
    got: location,
    ...(location !== 'none' && { hint }),
  })
}

/** In whole buffers, which a message takes away. */
export function copyTensors(tensors: Tensors): Tensors {
  const copies: Record<string, Tensor> = {}
  for (const name in tensors) {
    const tensor = tensors[name]
    if (tensor) copies[name] = { ...tensor, data: copyData(tensor.data) }
  }
  return copies
}

const copyData = (data: OnnxTensor.DataType | TensorData): TensorData =>
  Array.isArray(data) ? [...data] : (data.slice() as NumericData)

/** Engines with a `Float16Array` have half floats as one; a lane takes their bits. */
function bitsOf(data: OnnxTensor.DataType): Uint16Array {
  const { buffer, byteOffset, length } = data as Uint16Array<ArrayBuffer>
  return new Uint16Array(buffer, byteOffset, length).slice()
}

/**
 * A run's outputs as tensors of ONNX Runtime. Where the caller gave tensors, their data is written.
 *
 * @throws SpillwayError `input_shape_invalid` for a given tensor of another type or shape.
 */
export function toResults(outputs: Tensors, fetches: Fetches): Results {
  const results: Record<string, OnnxTensor> = {}
  for (const [name, { type, data, shape }] of Object.entries(outputs)) {
    const given = fetches[name]
    const made = new OnnxTensor(type, data as OnnxTensor.DataType, shape)
    results[name] = given ? write(name, made, given) : made
  }
  return results
}

function write(name: string, made: OnnxTensor, given: OnnxTensor): OnnxTensor {
  const isSame = given.type === made.type && given.dims.join() === made.dims.join()
  if (!isSame)
    throw new SpillwayError('input_shape_invalid', `The tensor for output "${name}" does not fit it`, {
      expected: `${made.type} ${showShape(made.dims)}`,
      got: `${given.type} ${showShape(given.dims)}`,
    })
  const from = made.data as TensorData
  if (isStrings(from)) (given.data as string[]).splice(0, from.length, ...from)
  else (given.data as Uint8Array).set(from as Uint8Array)
  return given
}

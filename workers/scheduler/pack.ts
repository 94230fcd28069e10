import { arrayOf, elementCount, type Tensor, type TensorData, type TensorSpec } from '../../models/index.ts'
import type { Tensors, Work } from './work.ts'

/** The rows of several requests as one batch, in buffers of its own that a message may give away. */
export function pack(works: readonly Work[]): Tensors {
  const packed: Record<string, Tensor> = {}
  for (const spec of works[0]?.source.manifest.inputs ?? []) packed[spec.name] = packInput(spec, works)
  return packed
}

/** Each request's own rows of a batch's outputs, cut back to its own length where the batch was padded. */
export function unpack(outputs: Tensors, works: readonly Work[]): Tensors[] {
  if (works.length === 1) return [outputs]
  const parts = works.map((): Record<string, Tensor> => ({}))
  for (const spec of works[0]?.source.manifest.outputs ?? []) {
    const batch = outputs[spec.name]
    if (!batch) continue
    const rest = batch.shape.slice(1)
    const perRow = elementCount(rest)
    const single = [1, ...rest]
    let offset = 0
    for (let index = 0; index < works.length; index++) {
      const work = works[index]
      const part = parts[index]
      if (!work || !part) continue
      const end = offset + work.rows * perRow
      const shape = work.rows === 1 ? single : [work.rows, ...rest]
      const rows: Tensor = { type: batch.type, data: batch.data.slice(offset, end), shape }
      part[spec.name] = spec.pad ? cut(rows, lengthOf(work)) : rows
      offset = end
    }
  }
  return parts
}

function packInput({ name, type, pad }: TensorSpec, works: readonly Work[]): Tensor {
  const shape = [...(works[0]?.inputs[name]?.shape ?? [])]
  if (works.length > 1) shape[0] = works.reduce((rows, work) => rows + work.rows, 0)
  if (pad)
    shape[pad.axis] = works.reduce(
      (longest, { inputs }) => Math.max(longest, inputs[name]?.shape[pad.axis] ?? 0),
      0,
    )
  const data = new (arrayOf(type))(elementCount(shape))
  if (pad && pad.value !== 0) fill(data, pad.value)
  const perRow = elementCount(shape.slice(1))
  let offset = 0
  for (const { inputs, rows } of works) {
    const tensor = inputs[name]
    if (!tensor) continue
    if (tensor.data.length === rows * perRow || works.length === 1) copy(tensor.data, data, offset)
    else copyRows(tensor.data, rows, data, offset, perRow)
    offset += rows * perRow
  }
  return { type, data, shape }
}

/** Each row at the beginning of its longer place: the rest stays filling. */
function copyRows(
  source: TensorData,
  rows: number,
  target: TensorData,
  offset: number,
  perRow: number,
): void {
  const length = source.length / rows
  for (let row = 0; row < rows; row++)
    copy(source.subarray(row * length, (row + 1) * length), target, offset + row * perRow)
}

/** The request's length along the pad axis. */
function lengthOf({ source: { manifest }, inputs }: Work): number {
  const padded = manifest.inputs.find(({ pad }) => pad)
  return (padded?.pad && inputs[padded.name]?.shape[padded.pad.axis]) ?? 0
}

function cut({ type, data, shape }: Tensor, length: number): Tensor {
  const [rows = 0, longest = 0, ...rest] = shape
  if (length === longest) return { type, data, shape }
  const size = elementCount(rest)
  const kept = new (arrayOf(type))(rows * length * size)
  for (let row = 0; row < rows; row++) {
    const start = row * longest * size
    copy(data.subarray(start, start + length * size), kept, row * length * size)
  }
  return { type, data: kept, shape: [rows, length, ...rest] }
}

// Both sides hold the same type of elements, which the union of arrays cannot say.
const copy = (source: TensorData, target: TensorData, offset: number) =>
  (target as Float32Array).set(source as Float32Array, offset)

const fill = (data: TensorData, value: number) =>
  data instanceof BigInt64Array || data instanceof BigUint64Array
    ? data.fill(BigInt(value))
    : data.fill(value)

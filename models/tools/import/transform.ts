import { DataType } from '../onnx/data-type.ts'
import { floatsOf } from '../onnx/values.ts'
import { type Weight, weightFrom } from '../onnx/weight.ts'
import { halfOf } from '../passes/half-weights.ts'

/** The float type of a graph and its weights. */
export type FloatType = typeof DataType.FLOAT | typeof DataType.FLOAT16

export function asFloats(weight: Weight, name: string, type: FloatType): Weight {
  if (weight.type === type) return { ...weight, name }
  if (type === DataType.FLOAT16) return halfOf(weight, name)
  return weightFrom(name, type, weight.dims, () => floatsOf(weight))
}

/** The transposed matrix: `MatMul` takes one column per output. */
export function transposed(weight: Weight): Weight {
  const [rows = 0, columns = 0] = weight.dims
  return weightFrom(weight.name, DataType.FLOAT, [columns, rows], () => {
    const from = floatsOf(weight)
    const to = new Float32Array(from.length)
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++)
        to[column * rows + row] = from[row * columns + column] ?? 0
    }
    return to
  })
}

/** Reorders rows from interleaved rotary pairs to pairs whose elements are half a head apart. */
export function deinterleavePairs(weight: Weight, headSize: number): Weight {
  const [rows = 0, columns = 1] = weight.dims
  return weightFrom(weight.name, DataType.FLOAT, weight.dims, () => {
    const from = floatsOf(weight)
    const to = new Float32Array(from.length)
    const half = headSize / 2
    for (let row = 0; row < rows; row++) {
      const inHead = row % headSize
      const source = row - inHead + (inHead < half ? 2 * inHead : 2 * (inHead - half) + 1)
      to.set(from.subarray(source * columns, (source + 1) * columns), row * columns)
    }
    return to
  })
}

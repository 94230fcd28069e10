import { DataType } from '../onnx/data-type.ts'
import { floatsOf } from '../onnx/values.ts'
import { type Weight, weightFrom } from '../onnx/weight.ts'
import type { LowRank } from './adapter.ts'

/** The matrices of all adapters for one projection. The first is the model itself: zeros. */
export interface Stacks {
  /** `[adapters + 1, inputs, rank]`, the rank being the largest of them. */
  readonly a: Weight
  /** `[adapters + 1, rank, outputs]`, with the scales. */
  readonly b: Weight
}

/**
 * Lays the matrices of a projection out for a product of batches.
 *
 * @param parts Of each adapter; undefined where it leaves the projection as it is.
 */
export function stack(
  name: string,
  parts: readonly (LowRank | undefined)[],
  { inputs, outputs }: { readonly inputs: number; readonly outputs: number },
): Stacks {
  const rank = Math.max(...parts.map((part) => part?.rank ?? 0))
  const size = parts.length + 1
  const fill = (length: number, write: (to: Float32Array, part: LowRank) => void) => () => {
    const all = new Float32Array(size * length)
    for (const [index, part] of parts.entries())
      if (part) write(all.subarray((index + 1) * length, (index + 2) * length), part)
    return all
  }
  return {
    a: weightFrom(
      `${name}.lora_a`,
      DataType.FLOAT,
      [size, inputs, rank],
      fill(inputs * rank, (to, part) => transpose(floatsOf(part.a), [part.rank, inputs], to, rank, 1)),
    ),
    b: weightFrom(
      `${name}.lora_b`,
      DataType.FLOAT,
      [size, rank, outputs],
      fill(rank * outputs, (to, part) =>
        transpose(floatsOf(part.b), [outputs, part.rank], to, outputs, part.scale),
      ),
    ),
  }
}

/** @param stride Of a row in the transposed matrix. */
function transpose(
  from: Float32Array,
  [rows, columns]: readonly [number, number],
  to: Float32Array,
  stride: number,
  scale: number,
): void {
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++)
      to[column * stride + row] = scale * (from[row * columns + column] ?? 0)
  }
}

import { fill } from '../axes.ts'
import { createData, elementCount, type Tensor } from '../tensor.ts'
import type { TensorSpec } from '../tensor-spec.ts'
import { copyBlock } from './blocks.ts'

/**
 * One input of several requests as one tensor, in a new buffer: their rows one after the other, each padded to the
 * longest.
 *
 * @param axis The batch axis. Null: the tensor has no rows, and is equal in all requests.
 */
export function joinRows(
  { type, pad }: TensorSpec,
  axis: number | null,
  tensors: readonly (Tensor | undefined)[],
): Tensor {
  const sharing = axis === null ? tensors.slice(0, 1) : tensors
  const shape = [...(tensors[0]?.shape ?? [])]
  if (axis !== null) shape[axis] = sharing.reduce((rows, tensor) => rows + (tensor?.shape[axis] ?? 0), 0)
  if (pad)
    shape[pad.axis] = sharing.reduce((longest, tensor) => Math.max(longest, tensor?.shape[pad.axis] ?? 0), 0)
  const joined: Tensor = { type, data: createData(type, elementCount(shape)), shape }
  if (pad && pad.value !== 0) fill(joined.data, pad.value)
  let at = 0
  for (const tensor of sharing) {
    if (!tensor) continue
    copyBlock(tensor, 0, joined, at, tensor.shape, axis ?? 0)
    at += tensor.shape[axis ?? 0] ?? 0
  }
  return joined
}

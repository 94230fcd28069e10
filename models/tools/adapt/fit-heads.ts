import { spreadHeads, storedHeadSize } from '../import/heads.ts'
import type { LowRank } from './adapter.ts'

/** The sizes of a projection in a graph. */
export interface ProjectionSize {
  readonly inputs: number
  readonly outputs: number
}

/**
 * The part of an adapter with its heads padded as those of a graph are; undefined where its sizes are those of another
 * model.
 *
 * @param stored The size of the graph's heads.
 */
export function fitHeads(
  part: LowRank,
  { inputs, outputs }: ProjectionSize,
  stored: number,
): LowRank | undefined {
  const { name } = part.place
  const isAttention = name === 'q_proj' || name === 'k_proj' || name === 'v_proj'
  const a = name === 'o_proj' ? fitted(part.a, 1, inputs, stored, false) : part.a
  const b = isAttention ? fitted(part.b, 0, outputs, stored, name !== 'v_proj') : part.b
  return a?.dims[1] === inputs && b?.dims[0] === outputs ? { ...part, a, b } : undefined
}

function fitted(
  weight: LowRank['a'],
  axis: 0 | 1,
  size: number,
  stored: number,
  isRotated: boolean,
): LowRank['a'] | undefined {
  const own = weight.dims[axis] ?? 0
  if (own === size) return weight
  const headSize = own / (size / stored)
  if (!Number.isInteger(headSize) || headSize % 2 !== 0 || storedHeadSize({ headSize }) !== stored)
    return undefined
  return spreadHeads(weight, axis, { headSize, stored, isRotated })
}

import type { Tensor } from '../../../../models/core/index.ts'

/** Where a face is, in shares of the picture's width and height. */
export interface Face {
  readonly left: number
  readonly top: number
  readonly right: number
  readonly bottom: number
  /** How sure the detector is, from 0 to 1. */
  readonly score: number
}

/** Boxes that share more than this of their area are of one face. */
const sameFace = 0.3

/**
 * The faces that a detector of UltraFace's kind found: its boxes above a score, the best of those that overlap, the
 * surest first.
 *
 * @param outputs `scores`, [1, n, 2]: no face and face; `boxes`, [1, n, 4]: left, top, right, bottom.
 */
export function facesIn(
  { scores, boxes }: Readonly<Record<string, Pick<Tensor, 'data'>>>,
  least: number,
): Face[] {
  const sure: Face[] = []
  const number = (tensor: typeof scores, at: number) => Number(tensor?.data[at])
  for (let index = 0; index < (boxes?.data.length ?? 0) / 4; index++) {
    const score = number(scores, index * 2 + 1)
    if (!(score >= least)) continue
    const side = (at: number) => number(boxes, index * 4 + at)
    sure.push({ left: side(0), top: side(1), right: side(2), bottom: side(3), score })
  }
  const best: Face[] = []
  for (const face of sure.sort((one, other) => other.score - one.score))
    if (best.every((other) => overlap(face, other) < sameFace)) best.push(face)
  return best
}

/** Intersection over union. */
export function overlap(one: Face, other: Face): number {
  const width = Math.max(0, Math.min(one.right, other.right) - Math.max(one.left, other.left))
  const height = Math.max(0, Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top))
  const shared = width * height
  return shared / (areaOf(one) + areaOf(other) - shared)
}

const areaOf = ({ left, top, right, bottom }: Face): number => (right - left) * (bottom - top)

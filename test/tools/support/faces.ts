import type { Tensors } from '../../../models/tools/run-model/runtime.ts'

/** A corner, the opposite corner, and how sure the detector is. */
export type Face = readonly [left: number, top: number, right: number, bottom: number, score: number]

/** The faces that UltraFace found: boxes above a score, the best of those that overlap. */
export function facesIn({ scores, boxes }: Tensors, least: number): readonly Face[] {
  const faces: Face[] = []
  for (let index = 0; index < (boxes?.data.length ?? 0) / 4; index++) {
    const score = Number(scores?.data[index * 2 + 1])
    const [left = 0, top = 0, right = 0, bottom = 0] = [0, 1, 2, 3].map((at) =>
      Number(boxes?.data[index * 4 + at]),
    )
    if (score >= least) faces.push([left, top, right, bottom, score])
  }
  const best: Face[] = []
  for (const face of faces.sort((a, b) => b[4] - a[4]))
    if (best.every((other) => overlap(face, other) < 0.3)) best.push(face)
  return best
}

/** Intersection over union. */
export function overlap(a: Face, b: Face): number {
  const width = Math.max(0, Math.min(a[2], b[2]) - Math.max(a[0], b[0]))
  const height = Math.max(0, Math.min(a[3], b[3]) - Math.max(a[1], b[1]))
  const area = ([left, top, right, bottom]: Face) => (right - left) * (bottom - top)
  return (width * height) / (area(a) + area(b) - width * height)
}

import type { Face } from './boxes.ts'

/** What UltraFace (RFB-320) found on the clip's first frame: shown where there is no detector. */
export const recordedFaces: readonly Face[] = [
  { left: 0.415, top: 0.337, right: 0.565, bottom: 0.558, score: 1 },
  { left: 0.772, top: 0.273, right: 0.972, bottom: 0.613, score: 1 },
  { left: 0.09, top: 0.317, right: 0.291, bottom: 0.636, score: 1 },
]

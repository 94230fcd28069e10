import type { Manifest } from '../../../../models/core/index.ts'

/** What the page calls its detector of faces. */
export const detectorId = 'faces'

/** What a detector reads. */
export interface DetectorSpec {
  readonly input: string
  /** Pixels. */
  readonly width: number
  readonly height: number
}

/** What a model reads, where it is a detector of UltraFace's kind: one picture in, `scores` and `boxes` out. */
export function detectorSpec({ inputs, outputs }: Manifest): DetectorSpec | undefined {
  const [input] = inputs
  const [batch, channels, height, width] = input?.shape ?? []
  const named = (name: string) => outputs.some((output) => output.name === name)
  if (!input || inputs.length !== 1 || input.type !== 'float32' || !named('scores') || !named('boxes')) return
  if ((batch !== 1 && batch !== -1) || channels !== 3 || !height || !width || height < 1 || width < 1) return
  return { input: input.name, width, height }
}

/**
 * A picture as the detector reads it: planes of red, green and blue, `(value - 127) / 128`.
 *
 * @param pixels Four bytes each.
 */
export function toPlanes(pixels: Uint8ClampedArray): Float32Array {
  const count = pixels.length / 4
  const planes = new Float32Array(count * 3)
  for (let index = 0; index < count; index++) {
    planes[index] = ((pixels[index * 4] ?? 0) - 127) / 128
    planes[count + index] = ((pixels[index * 4 + 1] ?? 0) - 127) / 128
    planes[2 * count + index] = ((pixels[index * 4 + 2] ?? 0) - 127) / 128
  }
  return planes
}

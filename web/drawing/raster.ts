import type { Drawing } from './drawing.ts'
import { contextOf, inkPath, wipe } from './ink.ts'
import type { Ink } from './preprocess.ts'

/** At least five pixels for each of the model's, and few enough to read in every frame. */
const side = 140

/** A second, small copy of the drawing in memory: reading the pad's own canvas would stall on the GPU. */
export function createRaster(drawing: Drawing): () => Ink {
  const canvas = document.createElement('canvas')
  canvas.width = side
  canvas.height = side
  const context = contextOf(canvas, { willReadFrequently: true })
  drawing.onChange(({ ink }) => (ink === null ? wipe(context) : inkPath(context, side, '#000', ink)))

  const data = new Uint8Array(side * side)
  return () => {
    const pixels = context.getImageData(0, 0, side, side).data
    for (let index = 0; index < data.length; index++) data[index] = pixels[index * 4 + 3] ?? 0
    return { data, width: side, height: side }
  }
}

import type { Drawing } from './drawing.ts'
import { contextOf, inkPath, wipe } from './ink.ts'
import type { Ink } from './preprocess.ts'

/** At least five pixels for each of the model's, and few enough to read in every frame. */
const side = 140

/** A small canvas in memory whose ink can be read: reading one on the page would stall on the GPU. */
export function createInkReader(side: number): {
  readonly context: CanvasRenderingContext2D
  /** The ink now; the next call overwrites it. */
  readonly read: () => Ink
} {
  const canvas = document.createElement('canvas')
  canvas.width = side
  canvas.height = side
  const context = contextOf(canvas, { willReadFrequently: true })
  const data = new Uint8Array(side * side)
  const read = () => {
    const pixels = context.getImageData(0, 0, side, side).data
    for (let index = 0; index < data.length; index++) data[index] = pixels[index * 4 + 3] ?? 0
    return { data, width: side, height: side }
  }
  return { context, read }
}

/** A second, small copy of the drawing in memory. */
export function createRaster(drawing: Drawing): () => Ink {
  const { context, read } = createInkReader(side)
  drawing.onChange(({ ink }) => (ink === null ? wipe(context) : inkPath(context, side, '#000', ink)))
  return read
}

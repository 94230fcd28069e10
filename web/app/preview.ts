import { contextOf } from '../drawing/ink.ts'
import { imageSide } from '../drawing/preprocess.ts'

/** Shows the image that the model reads: white ink on black. */
export function createPreview(canvas: HTMLCanvasElement): (image: Float32Array | undefined) => void {
  canvas.width = imageSide
  canvas.height = imageSide
  const context = contextOf(canvas)
  const pixels = context.createImageData(imageSide, imageSide)
  const show = (image: Float32Array | undefined) => {
    for (let index = 0; index < imageSide * imageSide; index++) {
      pixels.data.fill((image?.[index] ?? 0) * 255, index * 4, index * 4 + 3)
      pixels.data[index * 4 + 3] = 255
    }
    context.putImageData(pixels, 0, 0)
  }
  show(undefined)
  return show
}

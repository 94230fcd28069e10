import { readFileSync } from 'node:fs'
import { launchBrowser } from '../../support/page.ts'

/** Pictures as a model wants them: red, green and blue planes of a size, `(byte − mean) / deviation`. */
export async function readPictures(
  files: readonly string[],
  { width, height, mean, deviation }: { width: number; height: number; mean: number; deviation: number },
): Promise<Float32Array[]> {
  const browser = await launchBrowser()
  try {
    const page = await browser.newPage()
    const all: Float32Array[] = []
    for (const file of files) {
      const address = `data:image/jpeg;base64,${readFileSync(file).toString('base64')}`
      const bytes = await page.evaluate(
        async ({ address, width, height }) => {
          const picture = new Image()
          picture.src = address
          await picture.decode()
          const canvas = new OffscreenCanvas(width, height)
          const context = canvas.getContext('2d')
          context?.drawImage(picture, 0, 0, width, height)
          return [...(context?.getImageData(0, 0, width, height).data ?? [])]
        },
        { address, width, height },
      )
      const area = width * height
      all.push(
        Float32Array.from({ length: 3 * area }, (_, index) => {
          const channel = Math.floor(index / area)
          return ((bytes[(index % area) * 4 + channel] ?? 0) - mean) / deviation
        }),
      )
    }
    return all
  } finally {
    await browser.close()
  }
}

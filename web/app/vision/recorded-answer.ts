import { Drawing } from '../../drawing/drawing.ts'
import { toModelImage } from '../../drawing/preprocess.ts'
import { createRaster } from '../../drawing/raster.ts'
import type { Bars } from '../bars.ts'
import { playRecording } from '../recorded/play.ts'
import recorded from '../recorded/vision.json'
import { samples } from '../samples.ts'

/** What another day's pen drew, and what the model made of it point by point. */
export interface AnswerParts {
  readonly bars: Bars
  readonly preview: (image: Float32Array | undefined) => void
  /** Says where an answer comes from. */
  readonly where: HTMLElement
}

/** Plays how a digit was drawn and read, until the visitor draws one. */
export function playAnswer({ bars, preview, where }: AnswerParts, signal: AbortSignal): void {
  const drawing = new Drawing()
  const readInk = createRaster(drawing)
  const points = (samples[recorded.digit] ?? []).flatMap((stroke) =>
    stroke.map((point, index) => ({ point, isFirst: index === 0 })),
  )
  let drawn = 0
  where.textContent = `Recorded on an earlier day: a ${recorded.digit}, point by point`
  playRecording(
    recorded.at,
    (count) => {
      for (const { point, isFirst } of points.slice(drawn, count)) {
        if (isFirst) drawing.begin(point)
        else drawing.extend(point)
      }
      drawn = count
      preview(toModelImage(readInk()))
      bars.show(recorded.shares[count - 1] ?? [])
    },
    signal,
  )
}

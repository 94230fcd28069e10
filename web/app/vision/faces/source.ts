import { onEachFrame } from '../../../media/camera.ts'
import { drawClip } from './clip.ts'

/** Where the frames of all streams come from. */
export interface FrameSource {
  /** The number of its newest frame; below zero while there is none. */
  newest(): number
  /** Draws the newest frame over the whole canvas. @param stream The stream that it is for. */
  draw(context: CanvasRenderingContext2D, stream: number): void
  close(): void
}

/** Frames a second of the drawn clip, as of a usual camera. */
const clipRate = 30

/** The drawn clip: people of its own in each stream. @param now Milliseconds. */
export function createClip(now: () => number): FrameSource {
  const begin = now()
  const newest = () => Math.floor(((now() - begin) * clipRate) / 1_000)
  return {
    newest,
    draw: (context, stream) => drawClip(context, stream, newest() / clipRate),
    close: () => {},
  }
}

/** One picture, which has one frame. */
export const createPicture = (picture: ImageBitmap): FrameSource => ({
  newest: () => 0,
  draw: (context) => drawWhole(context, picture, picture.width, picture.height),
  close: () => picture.close(),
})

/** What a video element plays: a camera, or a file. @param playing Ended with the source. */
export function createVideo(video: HTMLVideoElement, playing: AbortController): FrameSource {
  let frames = -1
  onEachFrame(video, playing.signal, (count) => {
    frames = count
  })
  return {
    newest: () => (video.videoWidth > 0 ? frames : -1),
    // A phone that is turned turns its camera's picture.
    draw: (context) => drawWhole(context, video, video.videoWidth, video.videoHeight),
    close: () => playing.abort(),
  }
}

/** Draws a picture whole, in the middle of a black canvas: a phone that is upright has an upright picture. */
export function drawWhole(
  context: CanvasRenderingContext2D,
  picture: CanvasImageSource,
  width: number,
  height: number,
): void {
  const { canvas } = context
  const scale = Math.min(canvas.width / width, canvas.height / height)
  const [across, down] = [width * scale, height * scale]
  context.fillStyle = '#000'
  context.fillRect(0, 0, canvas.width, canvas.height)
  context.drawImage(picture, (canvas.width - across) / 2, (canvas.height - down) / 2, across, down)
}

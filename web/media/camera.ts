import { SpillwayError } from '../../models/core/error.ts'

/** Browsers tell the reason by the name of their error. */
function failureOf(cause: unknown): SpillwayError {
  const name = cause instanceof DOMException ? cause.name : ''
  if (name === 'NotAllowedError' || name === 'SecurityError')
    return new SpillwayError('access_denied', 'This page may not use the camera', {
      hint: "Allow it in the browser's settings for this page.",
    })
  if (name === 'NotFoundError' || name === 'OverconstrainedError')
    return new SpillwayError('not_supported', 'This device has no camera')
  return new SpillwayError('not_supported', 'The camera does not start', {
    hint: 'Another program may be using it.',
  })
}

export interface CameraOptions {
  /** The side that the camera looks to, where the device has several. */
  readonly facing: 'user' | 'environment'
  /** Ends the camera. */
  readonly signal: AbortSignal
  /** The camera was pulled out, or taken away. */
  readonly onLost: (error: SpillwayError) => void
}

/**
 * Shows the camera in a video element, until the signal fires.
 *
 * @throws SpillwayError `access_denied` where it is refused; `not_supported` where there is none or it does not start.
 */
export async function openCamera(
  video: HTMLVideoElement,
  { facing, signal, onLost }: CameraOptions,
): Promise<void> {
  // Pages that are no secure context have none.
  const { mediaDevices } = navigator as { readonly mediaDevices?: MediaDevices }
  if (!mediaDevices)
    throw new SpillwayError('not_supported', 'This page has no camera', { hint: 'Serve it over HTTPS.' })
  const stream = await mediaDevices
    .getUserMedia({ video: { facingMode: facing, width: { ideal: 640 } } })
    .catch((cause: unknown) => {
      throw failureOf(cause)
    })
  const stop = () => {
    for (const track of stream.getTracks()) track.stop()
    // A later camera may be there already.
    if (video.srcObject === stream) video.srcObject = null
  }
  if (signal.aborted) {
    stop()
    return
  }
  signal.addEventListener('abort', stop)
  for (const track of stream.getVideoTracks())
    track.addEventListener('ended', () => onLost(new SpillwayError('not_supported', 'The camera has gone')), {
      signal,
    })
  video.srcObject = stream
  // A page may forbid playing; the frames come nevertheless, once it does not.
  await video.play().catch(() => {})
}

/**
 * Calls back for each frame of a video that is shown, until the signal fires.
 *
 * @param frame Called with the number of the video's frames so far: a busy page is not called for each.
 */
export function onEachFrame(
  video: HTMLVideoElement,
  signal: AbortSignal,
  frame: (frames: number) => void,
): void {
  const next: VideoFrameRequestCallback = (_now, { presentedFrames }) => {
    if (signal.aborted) return
    frame(presentedFrames)
    video.requestVideoFrameCallback(next)
  }
  video.requestVideoFrameCallback(next)
}

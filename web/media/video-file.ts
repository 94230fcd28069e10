import { systemClock } from '../../models/async/clock.ts'
import { withTimeout } from '../../models/async/timeouts.ts'
import { SpillwayError } from '../../models/core/error.ts'

/** A file of a disk is open sooner, whatever it holds. */
const timeoutMs = 15_000

const notPlayed = (file: Blob, cause?: unknown) =>
  new SpillwayError(
    'input_value_invalid',
    'The file is no video that this browser plays',
    { expected: 'a video, such as MP4 or WebM', got: file.type || 'a file without a type' },
    { cause },
  )

/**
 * Plays a video of a file over and over in a video element, without its sound, until the signal fires.
 *
 * @throws SpillwayError `input_value_invalid` where the browser cannot play it.
 */
export async function openVideoFile(video: HTMLVideoElement, file: Blob, signal: AbortSignal): Promise<void> {
  const address = URL.createObjectURL(file)
  const stop = () => {
    URL.revokeObjectURL(address)
    // A later file may be there already.
    if (video.src !== address) return
    video.removeAttribute('src')
    // What was loaded of the file is let go.
    video.load()
  }
  Object.assign(video, { muted: true, loop: true, src: address })
  signal.addEventListener('abort', stop)
  try {
    await withTimeout(systemClock, timeoutMs, video.play(), () => notPlayed(file))
    // A file of sounds plays, too.
    if (video.videoWidth === 0) throw notPlayed(file)
  } catch (cause) {
    if (signal.aborted) return
    stop()
    throw cause instanceof SpillwayError ? cause : notPlayed(file, cause)
  }
}

import { SpillwayError, type Tier } from '../../../../models/core/index.ts'
import { retryDelayMs } from '../../recogniser.ts'
import type { Face } from './boxes.ts'

/** What was found on one frame, and where. */
export interface Detection {
  readonly faces: readonly Face[]
  readonly tier: Tier
}

export interface FrameStreamOptions {
  /** The number of the source's newest frame; below zero while there is none. */
  readonly newest: () => number
  /** Reads the newest frame as the detector does. */
  readonly capture: () => Float32Array
  readonly detect: (planes: Float32Array, signal: AbortSignal) => Promise<Detection>
  /** The frame that was captured last has its answer. */
  readonly found: (detection: Detection) => void
  readonly failed: (error: SpillwayError) => void
  /** Milliseconds, as `performance.now()`. */
  readonly now: () => number
}

/**
 * One stream of frames. One frame is in flight, and none waits behind it: the next is the newest that the source has then.
 * Those that came in between count as dropped.
 */
export class FrameStream {
  readonly #options: FrameStreamOptions
  readonly #closing = new AbortController()
  #last = -1
  #isBusy = false
  #pausedUntil = 0
  #dropped = 0
  readonly #answered: Record<Tier, number> = { device: 0, server: 0 }

  constructor(options: FrameStreamOptions) {
    this.#options = options
  }

  /** Frames that nobody looked at. */
  get dropped(): number {
    return this.#dropped
  }
  get answered(): Readonly<Record<Tier, number>> {
    return this.#answered
  }

  /** Takes the newest frame, where there is one and none is in flight. */
  tick(): void {
    const { newest, now } = this.#options
    const frame = newest()
    if (this.#isBusy || this.#closing.signal.aborted || frame <= this.#last || now() < this.#pausedUntil)
      return
    if (this.#last >= 0) this.#dropped += frame - this.#last - 1
    this.#last = frame
    void this.#look()
  }

  /** Nobody looked for a while: what came meanwhile is not dropped. */
  skip(): void {
    this.#last = Math.max(this.#last, this.#options.newest() - 1)
  }

  /** Looks at the newest frame once more. */
  again(): void {
    this.#last = Math.min(this.#last, this.#options.newest() - 1)
    this.#pausedUntil = 0
  }

  close(): void {
    this.#closing.abort()
  }

  async #look(): Promise<void> {
    const { capture, detect, found, failed, now } = this.#options
    const { signal } = this.#closing
    this.#isBusy = true
    try {
      const detection = await detect(capture(), signal)
      if (signal.aborted) return
      this.#answered[detection.tier]++
      found(detection)
    } catch (cause) {
      if (signal.aborted) return
      const error = SpillwayError.from(cause, 'internal', 'The page failed')
      this.#dropped++
      this.#pausedUntil = now() + Math.max(retryDelayMs, error.detail.retryAfterMs ?? 0)
      // A picture has no other frame.
      this.#last = Math.min(this.#last, this.#options.newest() - 1)
      failed(error)
    } finally {
      this.#isBusy = false
    }
  }
}

import type { SpillwayError } from '../core/index.ts'
import { linkAbort } from './abort.ts'

/** The unanswered calls of an object that can be closed. Closing rejects them all, whatever they wait for. */
export class UnansweredCalls {
  readonly #closed: () => SpillwayError
  readonly #rejects = new Set<(reason: SpillwayError) => void>()
  #isClosed = false

  /** @param closed The error of calls that are unanswered when the object is closed, and of all later ones. */
  constructor(closed: () => SpillwayError) {
    this.#closed = closed
  }

  get size(): number {
    return this.#rejects.size
  }

  /**
   * Settles as `work` does, unless the object is closed before.
   *
   * @param onClose Called after the call was rejected.
   */
  track<T>(work: () => Promise<T>, onClose?: (reason: SpillwayError) => void): Promise<T> {
    if (this.#isClosed) return Promise.reject(this.#closed())
    return new Promise<T>((resolve, reject) => {
      const rejectAsClosed = (reason: SpillwayError) => {
        reject(reason)
        onClose?.(reason)
      }
      const working = work()
      this.#rejects.add(rejectAsClosed)
      working.then(resolve, reject).finally(() => this.#rejects.delete(rejectAsClosed))
    })
  }

  /**
   * The same for work that can be stopped.
   *
   * @param signal The caller's.
   * @param work Its signal fires with the caller's, and when the object is closed.
   */
  trackAbortable<T>(signal: AbortSignal | undefined, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { controller, release } = linkAbort(signal)
    return this.track(
      () => work(controller.signal),
      (reason) => controller.abort(reason),
    ).finally(release)
  }

  close(): void {
    this.#isClosed = true
    for (const reject of this.#rejects) reject(this.#closed())
  }
}

import { abortedBy } from '../../models/async/abort.ts'
import type { Clock } from '../../models/async/clock.ts'
import type { SpillwayError } from '../../models/core/index.ts'
import { pastDeadline } from '../../workers/host/scheduler/errors.ts'

/** One attempt of a request, at one replica. */
export interface ReplicaCall {
  /** The replica's address, which ends with a slash. */
  readonly url: URL
  /** The replica's name in metrics and logs. */
  readonly name: string
  /**
   * Fires when the caller has left, at the deadline, and where the replica gives no sign of life. Its reason is the error
   * to throw. An aborted `fetch` rejects with it.
   */
  readonly signal: AbortSignal
  /** Milliseconds that are left until the deadline; undefined where there is none. */
  leftMs(): number | undefined
  /** A part of the answer has come: the replica lives. */
  heard(): void
  /** Of an answer in parts: keeps the call in flight until it has ended. A rejection counts as the replica's failure. */
  keepUntil(ended: Promise<unknown>): void
}

export interface Deadline {
  /** On the clock. */
  readonly at: number
  /** Milliseconds from the request on, for the error's message. */
  readonly ms: number
}

/** Whose signal and deadline end a call. */
export interface CallOptions {
  readonly clock: Clock
  readonly signal: AbortSignal | undefined
  readonly deadline: Deadline | undefined
}

/** A call in flight. */
export class Call {
  kept: Promise<unknown> | undefined
  readonly startedAt: number
  readonly #controller = new AbortController()
  readonly #release: () => void

  constructor({ clock, signal, deadline }: CallOptions) {
    this.startedAt = clock.now()
    const leave = () => signal && this.abort(abortedBy(signal))
    signal?.addEventListener('abort', leave, { once: true })
    if (signal?.aborted) leave()
    const cancelTimer = deadline
      ? clock.after(deadline.at - clock.now(), () => this.abort(pastDeadline(deadline.ms)))
      : () => {}
    this.#release = () => {
      cancelTimer()
      signal?.removeEventListener('abort', leave)
    }
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  abort(reason: SpillwayError): void {
    this.#controller.abort(reason)
  }

  /** `work`, or the signal's reason as soon as it fires. */
  bound<T>(work: Promise<T>): Promise<T> {
    const { signal } = this
    return new Promise((resolve, reject) => {
      const abort = () => reject(signal.reason)
      if (signal.aborted) abort()
      signal.addEventListener('abort', abort, { once: true })
      work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
    })
  }

  /** The call has ended: what may still run of it is given up. */
  end(reason: SpillwayError): void {
    this.#release()
    this.#controller.abort(reason)
  }
}

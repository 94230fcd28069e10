import { SpillwayError } from '../core/index.ts'

/** `work`, or a rejection with `aborted` as soon as the signal fires. The listener does not outlive the work. */
export function withAbort<T>(signal: AbortSignal | undefined, work: Promise<T>): Promise<T> {
  if (!signal) return work
  return new Promise((resolve, reject) => {
    const abort = () => reject(abortedBy(signal))
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}

export const abortedBy = (signal: AbortSignal): SpillwayError =>
  new SpillwayError('aborted', 'The request was aborted by its caller', {}, { cause: signal.reason })

/** A controller that aborts with `signal` as well. `release` ends that. */
export function linkAbort(signal: AbortSignal | undefined): {
  readonly controller: AbortController
  release(): void
} {
  const controller = new AbortController()
  const abort = () => controller.abort(signal?.reason)
  signal?.addEventListener('abort', abort, { once: true })
  if (signal?.aborted) abort()
  return { controller, release: () => signal?.removeEventListener('abort', abort) }
}

import { SpillwayError } from '../core/index.ts'
import type { Clock } from './clock.ts'

/** `work`, or `late()` after `ms`. The work goes on; who needs it stopped does so in `late`. */
export function withTimeout<T>(
  clock: Clock,
  ms: number,
  work: Promise<T>,
  late: () => SpillwayError,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const cancel = clock.after(ms, () => reject(late()))
    work.then(resolve, reject).finally(cancel)
  })
}

/** `work`, or `aborted` as soon as the signal fires. The listener does not outlive the work. */
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

/** `work` until a moment on the clock: past it the work's signal fires and the caller is told, as at its own abort. */
export function untilDeadline<T>(
  clock: Clock,
  deadline: number | undefined,
  signal: AbortSignal | undefined,
  work: (signal: AbortSignal | undefined) => Promise<T>,
): Promise<T> {
  if (deadline === undefined) return work(signal)
  const controller = new AbortController()
  const abort = () => controller.abort(signal?.reason)
  if (signal?.aborted) abort()
  signal?.addEventListener('abort', abort, { once: true })
  const left = Math.max(0, deadline - clock.now())
  return withTimeout(clock, left, work(controller.signal), () => {
    controller.abort()
    return new SpillwayError('deadline_exceeded', 'The request was not answered in time', {
      expected: `an answer within ${Math.round(left)} ms`,
      got: 'a model that is still being loaded',
    })
  }).finally(() => signal?.removeEventListener('abort', abort))
}

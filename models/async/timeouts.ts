import { SpillwayError } from '../core/index.ts'
import type { Clock } from './clock.ts'

/** `work`, or a rejection with `late()` after `ms`. The work itself goes on, unless `late` stops it. */
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

/**
 * `work` with a deadline.
 *
 * @param deadline On the clock; absent: none.
 * @param signal The caller's.
 * @param work Its signal fires at the deadline and when the caller's signal does.
 * @throws SpillwayError `deadline_exceeded`
 */
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
  const leftMs = Math.max(0, deadline - clock.now())
  return withTimeout(clock, leftMs, work(controller.signal), () => {
    controller.abort()
    return new SpillwayError('deadline_exceeded', 'The request was not answered in time', {
      expected: `an answer within ${Math.round(leftMs)} ms`,
      got: 'a model that is still being loaded',
    })
  }).finally(() => signal?.removeEventListener('abort', abort))
}

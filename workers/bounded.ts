import { SpillwayError } from '../models/index.ts'
import type { Clock } from './clock.ts'

/** `work`, or `late()` after `ms`. The work goes on; who needs it stopped does so in `late`. */
export function bounded<T>(
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
export function abortable<T>(signal: AbortSignal | undefined, work: Promise<T>): Promise<T> {
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

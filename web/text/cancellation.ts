import { abortedBy } from '../../models/async/abort.ts'
import type { Clock } from '../../models/async/clock.ts'
import { SpillwayError } from '../../models/core/index.ts'
import { closed } from '../../workers/host/scheduler/errors.ts'
import type { WaitOptions } from '../../workers/host/scheduler/work.ts'

/** Everything that ends a text early: its caller's signal, its deadline, a reader that left, a closed runtime. */
export interface Cancellation {
  readonly signal: AbortSignal
  /** The error for the caller; undefined while nothing has ended the text, or where its reader left. */
  error(): SpillwayError | undefined
  /** Milliseconds to the deadline, at least one; undefined where there is none. */
  remainingMs(): number | undefined
  /** Removes the listeners and the timer. */
  release(): void
}

export function createCancellation(
  clock: Clock,
  { signal, deadlineMs }: WaitOptions,
  closing: AbortSignal,
  readerLeft?: AbortSignal,
): Cancellation {
  const controller = new AbortController()
  const deadline = deadlineMs === undefined ? undefined : clock.now() + deadlineMs
  let error: SpillwayError | undefined
  const cancel = (reason?: SpillwayError) => {
    if (controller.signal.aborted) return
    error = reason
    controller.abort(reason)
  }
  const onAbort = () => cancel(signal && abortedBy(signal))
  const onReaderLeft = () => cancel()
  const onClose = () => cancel(closed())
  signal?.addEventListener('abort', onAbort, { once: true })
  readerLeft?.addEventListener('abort', onReaderLeft, { once: true })
  closing.addEventListener('abort', onClose, { once: true })
  const stopTimer =
    deadlineMs === undefined ? undefined : clock.after(deadlineMs, () => cancel(pastDeadline(deadlineMs)))
  if (signal?.aborted) onAbort()
  if (closing.aborted) onClose()
  return {
    signal: controller.signal,
    error: () => error,
    remainingMs: () => (deadline === undefined ? undefined : Math.max(1, deadline - clock.now())),
    release: () => {
      stopTimer?.()
      signal?.removeEventListener('abort', onAbort)
      readerLeft?.removeEventListener('abort', onReaderLeft)
      closing.removeEventListener('abort', onClose)
    },
  }
}

const pastDeadline = (deadlineMs: number) =>
  new SpillwayError('deadline_exceeded', 'The text was not finished before its deadline', {
    expected: `its end within ${deadlineMs} ms`,
  })

import { abortedBy } from '../../models/async/abort.ts'
import type { Clock } from '../../models/async/clock.ts'
import { SpillwayError } from '../../models/core/index.ts'
import { closed } from '../../workers/host/scheduler/errors.ts'
import type { WaitOptions } from '../../workers/host/scheduler/work.ts'

/** All that ends a text before its end: its caller's word, its deadline, its reader's leaving, the runtime's end. */
export interface Cancellation {
  readonly signal: AbortSignal
  /** What the caller is told, where anything but its reader ended it. */
  why(): SpillwayError | undefined
  /** Milliseconds to the deadline, where there is one. */
  leftMs(): number | undefined
  release(): void
}

export function createCancellation(
  clock: Clock,
  { signal, deadlineMs }: WaitOptions,
  left: AbortSignal,
  closing: AbortSignal,
): Cancellation {
  const controller = new AbortController()
  const deadline = deadlineMs === undefined ? undefined : clock.now() + deadlineMs
  let reason: SpillwayError | undefined
  const end = (why?: SpillwayError) => {
    if (controller.signal.aborted) return
    reason = why
    controller.abort(why)
  }
  const abort = () => end(signal && abortedBy(signal))
  const leave = () => end()
  const close = () => end(closed())
  const late = () => end(pastDeadline(deadlineMs ?? 0))
  signal?.addEventListener('abort', abort, { once: true })
  left.addEventListener('abort', leave, { once: true })
  closing.addEventListener('abort', close, { once: true })
  const cancel = deadlineMs === undefined ? undefined : clock.after(deadlineMs, late)
  if (signal?.aborted) abort()
  if (closing.aborted) close()
  return {
    signal: controller.signal,
    why: () => reason,
    leftMs: () => (deadline === undefined ? undefined : Math.max(1, deadline - clock.now())),
    release: () => {
      cancel?.()
      signal?.removeEventListener('abort', abort)
      left.removeEventListener('abort', leave)
      closing.removeEventListener('abort', close)
    },
  }
}

const pastDeadline = (deadlineMs: number) =>
  new SpillwayError('deadline_exceeded', 'The text was not finished in time', {
    expected: `its end within ${deadlineMs} ms`,
  })

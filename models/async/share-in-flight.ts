import { withAbort } from './abort.ts'

/** Work that several callers wait for: done once, and stopped when the last of them has left. */
export interface InFlight<Progress> {
  /** Waits for the work. A listener first gets the last progress that was reported. */
  join(signal?: AbortSignal, listener?: (progress: Progress) => void): Promise<void>
  stop(): void
}

/** @param onStop Called before the work is stopped: later callers need work of their own. */
export function shareInFlight<Progress>(
  work: (signal: AbortSignal, report: (progress: Progress) => void) => Promise<void>,
  onStop: () => void,
): InFlight<Progress> {
  const controller = new AbortController()
  const listeners = new Set<(progress: Progress) => void>()
  let last: { readonly progress: Progress } | undefined
  let waiting = 0
  const stop = () => {
    onStop()
    controller.abort()
  }
  const done = work(controller.signal, (progress) => {
    last = { progress }
    for (const listener of listeners) callSafely(listener, progress)
  })
  // It may fail when no caller waits any more.
  done.catch(() => undefined)

  return {
    join: async (signal, listener) => {
      waiting++
      if (listener) {
        listeners.add(listener)
        if (last) callSafely(listener, last.progress)
      }
      try {
        await withAbort(signal, done)
      } finally {
        waiting--
        if (listener) listeners.delete(listener)
        if (waiting === 0) stop()
      }
    },
    stop,
  }
}

/** A listener belongs to the page: its error must not fail the work. */
function callSafely<Progress>(listener: (progress: Progress) => void, progress: Progress): void {
  try {
    listener(progress)
  } catch (cause) {
    reportError(cause)
  }
}

import { withAbort } from './timeouts.ts'

/** Work that several callers wait for: done once, told to all, stopped when the last of them has gone. */
export interface InFlight<Told> {
  join(signal?: AbortSignal, listener?: (told: Told) => void): Promise<void>
  stop(): void
}

/** @param abandoned Called before the work is stopped: who comes later needs work of its own. */
export function shareInFlight<Told>(
  work: (signal: AbortSignal, tell: (told: Told) => void) => Promise<void>,
  abandoned: () => void,
): InFlight<Told> {
  const controller = new AbortController()
  const listeners = new Set<(told: Told) => void>()
  let last: { readonly told: Told } | undefined
  let waiting = 0
  const stop = () => {
    abandoned()
    controller.abort()
  }
  const done = work(controller.signal, (told) => {
    last = { told }
    for (const listener of listeners) tellSafely(listener, told)
  })
  // Nobody may be waiting any more when it fails.
  done.catch(() => undefined)

  return {
    join: async (signal, listener) => {
      waiting++
      if (listener) {
        listeners.add(listener)
        if (last) tellSafely(listener, last.told)
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

/** A listener's fault is its page's, and must not become the work's. */
function tellSafely<Told>(listener: (told: Told) => void, told: Told): void {
  try {
    listener(told)
  } catch (cause) {
    reportError(cause)
  }
}

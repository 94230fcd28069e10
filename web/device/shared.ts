import { abortable } from '../../workers/bounded.ts'

/** Work that several callers wait for: done once, told to all, stopped when the last of them has gone. */
export interface Shared<Told> {
  join(signal?: AbortSignal, listener?: (told: Told) => void): Promise<void>
}

export function share<Told>(
  work: (signal: AbortSignal, tell: (told: Told) => void) => Promise<void>,
): Shared<Told> {
  const controller = new AbortController()
  const listeners = new Set<(told: Told) => void>()
  let last: Told | undefined
  let waiting = 0
  const done = work(controller.signal, (told) => {
    last = told
    for (const listener of listeners) listener(told)
  })

  return {
    join: async (signal, listener) => {
      waiting++
      if (listener) {
        listeners.add(listener)
        if (last !== undefined) listener(last)
      }
      try {
        await abortable(signal, done)
      } finally {
        waiting--
        if (listener) listeners.delete(listener)
        if (waiting === 0) controller.abort()
      }
    },
  }
}

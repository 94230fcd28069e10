import type { Clock } from '../../models/async/clock.ts'

export interface Hedge<T> {
  readonly clock: Clock
  /** Milliseconds that the first has to itself. */
  readonly afterMs: number
  readonly signal: AbortSignal | undefined
  readonly first: (signal: AbortSignal) => Promise<T>
  /** Asked when the first is late; nothing where that cannot be. */
  readonly second: (signal: AbortSignal) => Promise<T> | undefined
}

/** The first answer of two; whose answer comes later is told to stop. It fails when both did, as the first did. */
export function hedge<T>({ clock, afterMs, signal, first, second }: Hedge<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const stops = [new AbortController(), new AbortController()] as const
    const [one, other] = stops
    let running = 1
    let failure: { readonly cause: unknown } | undefined
    const stopAll = () => {
      for (const stop of stops) stop.abort(signal?.reason)
    }
    const end = () => {
      cancel()
      signal?.removeEventListener('abort', stopAll)
    }
    const follow = (answer: Promise<T>, loser: AbortController) =>
      answer.then(
        (value) => {
          end()
          resolve(value)
          loser.abort()
        },
        (cause) => {
          failure ??= { cause }
          if (--running > 0) return
          end()
          reject(failure.cause)
        },
      )
    const cancel = clock.after(afterMs, () => {
      const answer = second(other.signal)
      if (!answer) return
      running++
      void follow(answer, one)
    })
    if (signal?.aborted) stopAll()
    signal?.addEventListener('abort', stopAll, { once: true })
    void follow(first(one.signal), other)
  })
}

/** Time, injected so that tests can move it. */
export interface Clock {
  /** Milliseconds since a fixed moment; monotonic. */
  now(): number
  /** Calls `task` once after `ms`, unless the returned function is called first. */
  after(ms: number, task: () => void): () => void
}

export const systemClock: Clock = {
  now: () => performance.now(),
  after: (ms, task) => {
    // With more than 2^31 ms (24 days) a timer fires at once.
    const timer = setTimeout(task, Math.min(ms, 2 ** 31 - 1))
    return () => clearTimeout(timer)
  },
}

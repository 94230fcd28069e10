/** Time, injected: tests move it by hand. */
export interface Clock {
  /** Milliseconds since some fixed moment; it never runs backwards. */
  now(): number
  /** Calls `task` once after `ms`, unless the returned function is called first. */
  after(ms: number, task: () => void): () => void
}

export const systemClock: Clock = {
  now: () => performance.now(),
  after: (ms, task) => {
    // Past 2^31 ms, which is 24 days, a timer would fire at once.
    const timer = setTimeout(task, Math.min(ms, 2 ** 31 - 1))
    return () => clearTimeout(timer)
  },
}

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
    const timer = setTimeout(task, ms)
    return () => clearTimeout(timer)
  },
}

import type { Clock } from '../../models/async/clock.ts'

/** A clock that moves only when a test advances it. */
export interface ManualClock extends Clock {
  /** Tasks that wait for their time. */
  readonly waiting: number
  advance(ms: number): void
}

export function createManualClock(): ManualClock {
  let time = 0
  const timers = new Set<{ at: number; task: () => void }>()
  return {
    now: () => time,
    after: (ms, task) => {
      const timer = { at: time + ms, task }
      timers.add(timer)
      return () => timers.delete(timer)
    },
    get waiting() {
      return timers.size
    },
    advance: (ms) => {
      time += ms
      for (const timer of [...timers].sort((one, other) => one.at - other.at)) {
        if (timer.at > time || !timers.delete(timer)) continue
        timer.task()
      }
    },
  }
}

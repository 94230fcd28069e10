import type { Readable } from 'node:stream'
import type { Clock } from '../../../../models/async/clock.ts'
import { SpillwayError } from '../../../../models/core/index.ts'
import type { Lane } from '../lane.ts'

/** Looks at a lane in so many parts of the time in which it must give a sign of life. */
const checks = 10

/**
 * Ends a lane that was alive and gives no sign of life for `hungMs`. The signs come from a thread of their own, so a lane
 * that computes for minutes gives them, and a stopped process does not.
 *
 * Checks are counted, not milliseconds: after this process itself has stood still, no lane is blamed for it.
 */
export function endWhenSilent(lane: Lane, signs: Readable, clock: Clock, hungMs: number): void {
  let missed = 0
  let isAlive = false
  let isEnded = false
  let cancel = () => {}
  const check = () => {
    // Signs that have arrived are read first.
    setImmediate(() => {
      if (isEnded) return
      if (++missed <= checks) plan()
      else {
        lane.kill(
          new SpillwayError('lane_lost', 'The lane is hung', {
            expected: `a sign of life within ${hungMs} ms`,
            got: 'none',
          }),
        )
      }
    })
  }
  const plan = () => {
    cancel = clock.after(hungMs / checks, check)
  }
  signs.on('data', () => {
    missed = 0
    if (isAlive) return
    isAlive = true
    plan()
  })
  // The pipe breaks with its process, whose end is reported by itself.
  signs.on('error', () => undefined)
  void lane.lost.then(() => {
    isEnded = true
    cancel()
    signs.destroy()
  })
}

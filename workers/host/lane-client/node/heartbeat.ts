import type { Readable } from 'node:stream'
import type { Clock } from '../../../../models/async/clock.ts'
import { SpillwayError } from '../../../../models/core/index.ts'
import type { Lane } from '../lane.ts'

/** Looks at a lane in so many parts of the time in which it must give a sign of life. */
const checks = 10

/**
 * Ends a lane that gives no sign of life for `hungMs`; its first may take twice as long, because Node starts meanwhile.
 * The signs come from a thread of their own, so a lane that computes for minutes gives them, and a stopped process does
 * not.
 *
 * Checks are counted, not milliseconds: after this process itself has stood still, no lane is blamed for it.
 */
export function endWhenSilent(
  lane: Pick<Lane, 'kill' | 'lost'>,
  signs: Readable,
  clock: Clock,
  hungMs: number,
): void {
  let missed = 0
  let allowed = 2 * checks
  let isEnded = false
  let cancel = () => {}
  const check = () => {
    // Signs that have arrived are read first.
    setImmediate(() => {
      if (isEnded) return
      if (++missed <= allowed) plan()
      else {
        lane.kill(
          new SpillwayError('lane_lost', 'The lane is hung', {
            expected: `a sign of life within ${intervalMs * allowed} ms`,
            got: 'none',
          }),
        )
      }
    })
  }
  const intervalMs = hungMs / checks
  let checkAt = clock.now()
  const plan = () => {
    const now = clock.now()
    checkAt += intervalMs
    // A check that is a little late does not put off the next one.
    if (checkAt <= now) checkAt = now + intervalMs
    cancel = clock.after(checkAt - now, check)
  }
  signs.on('data', () => {
    missed = 0
    allowed = checks
  })
  plan()
  const stop = () => {
    isEnded = true
    cancel()
  }
  // The lane can give no signs any more, or its process has ended.
  signs.on('end', stop)
  // The pipe breaks with its process, whose end is reported by itself.
  signs.on('error', () => undefined)
  void lane.lost.then(() => {
    stop()
    signs.destroy()
  })
}

import type { Readable } from 'node:stream'
import { SpillwayError } from '../../../../models/core/index.ts'
import type { Lane, LaneLimits } from '../lane.ts'

/** How the reason of such an end begins. */
export const tooLarge = 'The lane uses too much memory'

/**
 * Ends a lane whose process reports more resident memory than its limit: before the system, or the container, ends the
 * server for it.
 *
 * @param signs The lane's signs of life.
 */
export function endWhenTooLarge(
  lane: Lane,
  signs: Readable,
  { memoryBytes = Number.POSITIVE_INFINITY, settings }: LaneLimits,
): void {
  if (memoryBytes === Number.POSITIVE_INFINITY) return
  const setting = settings?.memory
  let unfinished = ''
  signs.on('data', (data: Buffer) => {
    const lines = (unfinished + data.toString('latin1')).split('\n')
    unfinished = lines.pop() ?? ''
    const bytes = Number(lines.at(-1) ?? 0)
    if (!(bytes > memoryBytes)) return
    lane.kill(
      new SpillwayError('lane_lost', tooLarge, {
        expected: `at most ${memoryBytes} bytes`,
        got: `${bytes}`,
        ...(setting !== undefined && { hint: `Where its models need more, raise ${setting}.` }),
      }),
    )
  })
}

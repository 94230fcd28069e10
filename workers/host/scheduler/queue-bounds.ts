import type { Entry } from './entry.ts'
import type { ScheduledModel } from './model-registry.ts'
import type { BatchedModel } from './work.ts'

/** What may wait for one model. */
export interface QueueBounds {
  readonly requests: number
  readonly rows: number
  /** Bytes of inputs. */
  readonly bytes: number
}

/** Whether a request of the size has a place. One that alone is larger than the bounds has, while nothing else waits. */
export const hasPlace = (
  { requests, rows, bytes }: QueueBounds,
  bounds: QueueBounds,
  moreRows: number,
  moreBytes: number,
): boolean =>
  requests === 0 ||
  (requests < bounds.requests && rows + moreRows <= bounds.rows && bytes + moreBytes <= bounds.bytes)

/** The share of the queue that a request takes: of the bound that it uses most of. */
const shareOf = (rows: number, bytes: number, bounds: QueueBounds): number =>
  Math.max(1 / bounds.requests, rows / bounds.rows, bytes / bounds.bytes)

/**
 * The waiting request that gives its place to one of another caller: the last one of the caller that has the largest share
 * of a full queue. Undefined where no caller would still have more than the new one.
 */
export function entryToDisplace<S extends BatchedModel>(
  { queues }: ScheduledModel<S>,
  bounds: QueueBounds,
  caller: string,
  rows: number,
  bytes: number,
): Entry<S> | undefined {
  const shares = new Map<string, number>()
  const last = new Map<string, Entry<S>>()
  for (const queue of queues.values()) {
    for (const entry of queue.withCallers()) {
      const { rank } = entry
      const owner = entry.turn?.caller ?? ''
      shares.set(owner, (shares.get(owner) ?? 0) + shareOf(entry.work.rows, entry.bytes, bounds))
      const before = last.get(owner)
      if (!before || rank >= before.rank) last.set(owner, entry)
    }
  }
  const own = (shares.get(caller) ?? 0) + shareOf(rows, bytes, bounds)
  let largest: string | undefined
  for (const [owner, share] of shares)
    if (owner !== caller && share > (largest === undefined ? own : (shares.get(largest) ?? 0)))
      largest = owner
  return largest === undefined ? undefined : last.get(largest)
}

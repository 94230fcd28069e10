import type { Entry } from './entry.ts'
import type { ScheduledModel } from './model-registry.ts'
import type { BatchedModel, CallerShare } from './work.ts'

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

/** What a caller has of a queue. */
interface Portion<S extends BatchedModel> {
  /** By its weight. */
  share: number
  /** The request that goes last. */
  last: Entry<S>
}

/**
 * The waiting request that gives its place to one of another caller: the last one of the caller that has the largest share
 * of a full queue, by its weight. Undefined where no caller would still have more than the new one.
 */
export function entryToDisplace<S extends BatchedModel>(
  { queues }: ScheduledModel<S>,
  bounds: QueueBounds,
  { caller, weight = 1 }: CallerShare,
  rows: number,
  bytes: number,
): Entry<S> | undefined {
  if (caller === undefined) return undefined
  const shares = new Map<string, Portion<S>>()
  for (const queue of queues.values()) {
    for (const entry of queue.withCallers()) {
      const owner = entry.turn?.caller ?? ''
      const share = shareOf(entry.work.rows, entry.bytes, bounds) / (entry.turn?.weight ?? 1)
      const known = shares.get(owner)
      if (!known) shares.set(owner, { share, last: entry })
      else {
        known.share += share
        if (entry.rank >= known.last.rank) known.last = entry
      }
    }
  }
  let largest = (shares.get(caller)?.share ?? 0) + shareOf(rows, bytes, bounds) / weight
  let displaced: Entry<S> | undefined
  for (const [owner, { share, last }] of shares) {
    if (owner === caller || share <= largest) continue
    largest = share
    displaced = last
  }
  return displaced
}

import type { Entry } from './entry.ts'
import type { ScheduledModel } from './model-registry.ts'
import type { RequestQueue } from './request-queue.ts'
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
  /** Its requests; by rank once one of them is to go. */
  readonly entries: Entry<S>[]
  isSorted: boolean
}

/**
 * The waiting requests that give their places to one of another caller: the last ones of the callers that have the largest
 * shares of a full queue, by their weights. Undefined where there would be no place for it although each of them kept more
 * than the new one's caller gets: then nobody has to leave.
 */
export function entriesToDisplace<S extends BatchedModel>(
  { queues, waiting }: ScheduledModel<S>,
  bounds: QueueBounds,
  { caller, weight = 1 }: CallerShare,
  rows: number,
  bytes: number,
): Entry<S>[] | undefined {
  if (caller === undefined) return undefined
  const portions = portionsOf(queues.values(), bounds)
  const least = (portions.get(caller)?.share ?? 0) + shareOf(rows, bytes, bounds) / weight
  portions.delete(caller)
  const left = { requests: waiting.requests, rows: waiting.rows, bytes: waiting.bytes }
  const displaced: Entry<S>[] = []
  while (!hasPlace(left, bounds, rows, bytes)) {
    const largest = largestOf(portions.values())
    const last = largest && largest.share > least ? lastOf(largest) : undefined
    if (!largest || !last) return undefined
    displaced.push(last)
    largest.share -= shareOfEntry(last, bounds)
    left.requests--
    left.rows -= last.work.rows
    left.bytes -= last.bytes
  }
  return displaced
}

function portionsOf<S extends BatchedModel>(
  queues: Iterable<RequestQueue<S>>,
  bounds: QueueBounds,
): Map<string, Portion<S>> {
  const portions = new Map<string, Portion<S>>()
  for (const queue of queues) {
    for (const entry of queue.withCallers()) {
      const owner = entry.turn?.caller ?? ''
      const known = portions.get(owner)
      const share = shareOfEntry(entry, bounds)
      if (!known) portions.set(owner, { share, entries: [entry], isSorted: false })
      else {
        known.share += share
        known.entries.push(entry)
      }
    }
  }
  return portions
}

const shareOfEntry = ({ work, bytes, turn }: Entry, bounds: QueueBounds) =>
  shareOf(work.rows, bytes, bounds) / (turn?.weight ?? 1)

function largestOf<S extends BatchedModel>(portions: Iterable<Portion<S>>): Portion<S> | undefined {
  let largest: Portion<S> | undefined
  for (const portion of portions) if (!largest || portion.share > largest.share) largest = portion
  return largest
}

function lastOf<S extends BatchedModel>(portion: Portion<S>): Entry<S> | undefined {
  if (!portion.isSorted) portion.entries.sort((one, other) => one.rank - other.rank)
  portion.isSorted = true
  return portion.entries.pop()
}

import { chooseDisplaced } from './displace.ts'
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

/**
 * The waiting requests that give their places to one of another caller; see `chooseDisplaced`. Undefined where there is no
 * place for it.
 */
export function entriesToDisplace<S extends BatchedModel>(
  { queues, waiting }: ScheduledModel<S>,
  bounds: QueueBounds,
  { caller, weight = 1 }: CallerShare,
  rows: number,
  bytes: number,
): Entry<S>[] | undefined {
  if (caller === undefined) return undefined
  const left = { requests: waiting.requests, rows: waiting.rows, bytes: waiting.bytes }
  return chooseDisplaced<Entry<S>>({
    waiting: withCallers(queues.values()),
    callerOf: ({ turn }) => turn?.caller ?? '',
    shareOf: (entry) => shareOf(entry.work.rows, entry.bytes, bounds) / (entry.turn?.weight ?? 1),
    asking: { caller, share: shareOf(rows, bytes, bounds) / weight },
    leaves: (entry) => {
      left.requests--
      left.rows -= entry.work.rows
      left.bytes -= entry.bytes
    },
    hasPlace: () => hasPlace(left, bounds, rows, bytes),
  })
}

function* withCallers<S extends BatchedModel>(queues: Iterable<RequestQueue<S>>): Iterable<Entry<S>> {
  for (const queue of queues) yield* queue.withCallers()
}

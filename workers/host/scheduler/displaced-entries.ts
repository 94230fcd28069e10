import { chooseDisplaced } from './displace.ts'
import type { Entry } from './entry.ts'
import type { ScheduledModel } from './model-registry.ts'
import { hasPlace, type QueueBounds, shareOf } from './queue-bounds.ts'
import type { RequestQueue } from './request-queue.ts'
import type { BatchedModel, CallerShare } from './work.ts'

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

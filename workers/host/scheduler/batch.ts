import type { Entry } from './entry.ts'
import type { Batch } from './lanes.ts'
import type { ScheduledModel } from './model-registry.ts'
import { pack, requestedOutputs } from './pack-rows.ts'
import type { BatchedModel, Work } from './work.ts'

/** Requests that run together, as lanes take them. */
export function createBatch<S extends BatchedModel>(
  { queues }: ScheduledModel<S>,
  entries: readonly Entry<S>[],
  works: readonly Work<S>[],
  rows: number,
  now: number,
): Batch {
  return {
    rows,
    isShared: entries.length > 1 || entries.some(({ isPart }) => isPart),
    isReplay: entries.some(({ deaths }) => deaths > 0),
    outputs: requestedOutputs(works),
    pack: (isCopied) => pack(works, isCopied),
    waiting: () => {
      let waiting = 0
      for (const queue of queues.values()) waiting += queue.rows
      return waiting
    },
    withinMs: lastDeadline(entries) - now,
    isOpenEnded: entries.some(isOpenEnded),
    signal: whenAllLeft(entries),
  }
}

const isOpenEnded = ({ deadline }: Entry) => deadline === Number.POSITIVE_INFINITY

/** A request without a deadline does not take the others' time from them. */
function lastDeadline(entries: readonly Entry[]): number {
  let last = Number.NEGATIVE_INFINITY
  for (const entry of entries) if (!isOpenEnded(entry)) last = Math.max(last, entry.deadline)
  return last === Number.NEGATIVE_INFINITY ? Number.POSITIVE_INFINITY : last
}

/** Fires when the last caller has left; nothing where one of them cannot leave. */
function whenAllLeft(entries: readonly Entry[]): AbortSignal | undefined {
  for (const { canLeave } of entries) if (!canLeave) return undefined
  const controller = new AbortController()
  let left = entries.length
  for (const entry of entries) {
    entry.onLeave = () => {
      if (--left === 0) controller.abort()
    }
  }
  return controller.signal
}

import type { Batch } from './lanes.ts'
import type { ScheduledModel } from './model-registry.ts'
import { pack, requestedOutputs } from './pack-rows.ts'
import type { Entry } from './request-queue.ts'
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
    isShared: entries.length > 1,
    isReplay: entries.some(({ deaths }) => deaths > 0),
    outputs: requestedOutputs(works),
    pack: () => pack(works),
    waiting: () => {
      let waiting = 0
      for (const queue of queues.values()) waiting += queue.rows
      return waiting
    },
    withinMs: entries.reduce((latest, { deadline }) => Math.max(latest, deadline), 0) - now,
    signal: whenAllLeft(entries),
  }
}

/** Fires when the last caller has left; nothing where one of them cannot leave. */
function whenAllLeft(entries: readonly Entry[]): AbortSignal | undefined {
  for (const { release } of entries) if (!release) return undefined
  const controller = new AbortController()
  let left = entries.length
  for (const entry of entries) {
    entry.onLeave = () => {
      if (--left === 0) controller.abort()
    }
  }
  return controller.signal
}

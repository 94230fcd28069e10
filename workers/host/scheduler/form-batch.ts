import { dataBytes } from '../../../models/core/index.ts'
import type { CostCurve } from './cost-curve.ts'
import type { Entry } from './entry.ts'
import type { ScheduledModel } from './model-registry.ts'
import { unknownRows } from './request-cost.ts'
import type { RequestQueue } from './request-queue.ts'
import type { BatchedModel, Tensors } from './work.ts'

/** How many times larger than the largest known run a run of unknown cost may be: costs are learned step by step. */
const growth = 8

/** The share of the time to a deadline that a run is planned to take: estimates are not exact. */
const margin = 0.8

/**
 * The moment from which a queue's next batch may go: now; or, where the manifest allows a delay, when the batch is full
 * or its first request has waited for so long.
 */
export function readyAt<S extends BatchedModel>(
  queue: RequestQueue<S>,
  model: ScheduledModel<S>,
  now: number,
): number {
  const { curve, limits } = model
  const head = queue.peek()
  if (!head) return Number.POSITIVE_INFINITY
  const enough = limits.preferredRows[0] ?? limits.maxRows
  if (limits.maxDelayMs === 0 || queue.rows >= Math.min(enough, allowedRows(queue, head, model, now, 0)))
    return now
  return Math.min(head.work.askedAt + limits.maxDelayMs, head.deadline - curve.predict(queue.rows))
}

/**
 * The rows that a request runs at once where it may run in parts: about as many as one run should take, or a free lane's
 * share. The parts are about equal, and a request that is a little too long is not cut: a message costs as well.
 */
export function rowsOfPart<S extends BatchedModel>(
  queue: RequestQueue<S>,
  entry: Entry<S>,
  model: ScheduledModel<S>,
  freeLanes: number,
): number {
  const { rows } = entry.work
  const { curve, lateMs } = model
  const { maxRows, maxBytes, preferredRows } = model.limits
  const withinMs = plannedMs(model) + lateMs
  const isShort = curve.isKnown && curve.predict(rows) <= withinMs
  const most = Math.min(maxRows, (maxBytes * rows) / Math.max(1, bytesOf(entry)))
  // The usual case: neither its time nor its size matters.
  if (isShort && rows <= most && freeLanes < 2) return rows
  const known = curve.isKnown ? curve.rowsWithin(withinMs) : unknownRows
  const parts = Math.max(
    isShort ? 1 : Math.round(rows / Math.max(known, queue.rowsAsInLastRun(withinMs, growth))),
    Math.ceil(rows / Math.max(1, Math.floor(most))),
    Math.ceil(rows / shareOf(rows, curve, freeLanes)),
  )
  return parts < 2 ? rows : preferred(Math.ceil(rows / parts), rows, preferredRows)
}

/**
 * Takes the next batch out of a queue: by rank, as many rows as the limits, the cost curve and the first deadline allow.
 * Where it saves time, the rows are shared between the free lanes.
 */
export function formBatch<S extends BatchedModel>(
  queue: RequestQueue<S>,
  model: ScheduledModel<S>,
  now: number,
  freeLanes: number,
): Entry<S>[] {
  const { curve, limits, lateMs } = model
  const head = queue.shift()
  if (!head) return []
  const batch = [head]
  // The usual case where requests come one at a time: no limit matters.
  if (queue.size === 0) return batch
  const available = head.work.rows + queue.rows
  const allowed = Math.min(allowedRows(queue, head, model, now, lateMs), shareOf(available, curve, freeLanes))
  const most = preferred(allowed, available, limits.preferredRows)
  let rows = head.work.rows
  let bytes = bytesOf(head)
  let maxBatchSize = Math.min(head.maxBatchSize, limits.maxRequests)
  queue.shiftWhile((next) => {
    rows += next.work.rows
    bytes += bytesOf(next)
    maxBatchSize = Math.min(maxBatchSize, next.maxBatchSize)
    if (rows > most || bytes > limits.maxBytes || batch.length >= maxBatchSize) return false
    batch.push(next)
    return true
  })
  return batch
}

/** Sharing has to save the cost of another message, and a part of the run, because estimates are not exact. */
const leastSavedMs = 2
const leastSavedShare = 0.25

/**
 * Rows that the limits, the cost curve and the first deadline allow. The last run of the queue counts beside the curve:
 * while requests wait, one bad measurement must not keep batches small, and with them slow.
 */
function allowedRows<S extends BatchedModel>(
  queue: RequestQueue<S>,
  { deadline }: { readonly deadline: number },
  model: ScheduledModel<S>,
  now: number,
  lateMs: number,
): number {
  const { curve, limits } = model
  const leftMs = (deadline - now) * margin
  // Between two batches a lane waits for the page: the longer the page takes, the longer a run may be. A run shorter than
  // this lateness hardly saves the first request, and delays all others.
  const withinMs = Math.min(plannedMs(model) + lateMs, Math.max(leftMs, lateMs))
  const explored = Math.max(1, curve.largestRows) * growth
  const within = curve.isKnown ? Math.min(explored, curve.rowsWithin(withinMs)) : growth
  return Math.max(1, Math.min(limits.maxRows, Math.max(within, queue.rowsAsInLastRun(withinMs, growth))))
}

/** Milliseconds that a run should take at most. An author who names sizes knows which are efficient. */
const plannedMs = <S extends BatchedModel>({ efficiency, limits }: ScheduledModel<S>): number =>
  limits.preferredRows.length > 0 ? limits.targetMs : efficiency.enoughMs

/** Rows of one lane, where running in parallel is clearly faster than running all rows in one lane. */
function shareOf(rows: number, curve: CostCurve, freeLanes: number): number {
  if (freeLanes < 2) return rows
  const share = Math.ceil(rows / freeLanes)
  const saved = curve.predict(rows) - curve.predict(share)
  return saved >= Math.max(leastSavedMs, leastSavedShare * curve.predict(rows)) ? share : rows
}

/** The largest preferred size that is allowed and available, or all that is allowed where there is none. */
function preferred(allowed: number, available: number, sizes: readonly number[]): number {
  const fitting = sizes.filter((size) => size <= Math.min(allowed, available))
  return fitting.length === 0 ? allowed : Math.max(...fitting)
}

export function bytesOf({ work: { inputs } }: { readonly work: { readonly inputs: Tensors } }): number {
  let bytes = 0
  for (const name in inputs) {
    const tensor = inputs[name]
    if (tensor) bytes += dataBytes(tensor.data)
  }
  return bytes
}

import type { CostCurve } from './cost-curve.ts'
import type { Entry, RequestQueue } from './request-queue.ts'
import type { BatchedModel, Tensors } from './work.ts'

/** What bounds one batch. */
export interface BatchLimits {
  readonly maxRows: number
  readonly maxBytes: number
  /** Milliseconds that one run should take at most, so that what comes next does not wait long. */
  readonly targetMs: number
  readonly preferredRows: readonly number[]
  readonly maxDelayMs: number
}

/** A run of unknown cost may be so many times larger than the largest known: its cost is learned on the way up. */
const growth = 8

/** Of the time to a deadline, the share that a run is planned to take: no estimate is exact. */
const margin = 0.8

/**
 * The moment from which a line's next batch may go: at once, or, where the manifest allows a delay, when the batch is
 * full or its first request has waited for so long.
 */
export function readyAt<S extends BatchedModel>(
  queue: RequestQueue<S>,
  curve: CostCurve,
  limits: BatchLimits,
  now: number,
): number {
  const head = queue.peek()
  if (!head) return Number.POSITIVE_INFINITY
  const enough = limits.preferredRows[0] ?? limits.maxRows
  if (limits.maxDelayMs === 0 || queue.rows >= Math.min(enough, allowedRows(head, curve, limits, now)))
    return now
  return Math.min(head.work.askedAt + limits.maxDelayMs, head.deadline - curve.predict(queue.rows))
}

/**
 * Takes the next batch out of a line: by rank, as many rows as the limits, the cost curve and the first deadline allow,
 * and no more than each of the free lanes' share where sharing saves time.
 */
export function formBatch<S extends BatchedModel>(
  queue: RequestQueue<S>,
  curve: CostCurve,
  limits: BatchLimits,
  now: number,
  freeLanes: number,
): Entry<S>[] {
  const head = queue.shift()
  if (!head) return []
  const batch = [head]
  // Nearly always where requests come one at a time: what it costs and how long it may take changes nothing.
  if (queue.size === 0) return batch
  const available = head.work.rows + queue.rows
  const allowed = Math.min(allowedRows(head, curve, limits, now), shareOf(available, curve, freeLanes))
  const most = preferred(allowed, available, limits.preferredRows)
  let rows = head.work.rows
  let bytes = bytesOf(head)
  let maxBatchSize = head.maxBatchSize
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

/** What a second lane's message costs has to be saved by it, and a share of the run, since no estimate is exact. */
const leastSavedMs = 2
const leastSaved = 0.25

function allowedRows(
  { deadline }: { readonly deadline: number },
  curve: CostCurve,
  { maxRows, targetMs }: BatchLimits,
  now: number,
): number {
  const unknown = Math.max(1, curve.largestRows) * growth
  const within = curve.isKnown ? curve.rowsWithin(Math.min(targetMs, (deadline - now) * margin)) : growth
  return Math.max(1, Math.min(maxRows, unknown, within))
}

/** Each lane's part, where running the parts side by side is clearly earlier than running the whole. */
function shareOf(rows: number, curve: CostCurve, freeLanes: number): number {
  if (freeLanes < 2) return rows
  const share = Math.ceil(rows / freeLanes)
  const saved = curve.predict(rows) - curve.predict(share)
  return saved >= Math.max(leastSavedMs, leastSaved * curve.predict(rows)) ? share : rows
}

/** The largest preferred size that is allowed and there, or what is allowed where none is. */
function preferred(allowed: number, available: number, sizes: readonly number[]): number {
  const fitting = sizes.filter((size) => size <= Math.min(allowed, available))
  return fitting.length === 0 ? allowed : Math.max(...fitting)
}

function bytesOf({ work: { inputs } }: { readonly work: { readonly inputs: Tensors } }): number {
  let bytes = 0
  for (const name in inputs) bytes += inputs[name]?.data.byteLength ?? 0
  return bytes
}

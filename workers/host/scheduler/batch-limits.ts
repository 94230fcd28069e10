import type { BatchLimits } from './form-batch.ts'
import type { Entry } from './request-queue.ts'
import type { BatchedModel } from './work.ts'

/** What a manifest and the scheduler together set for batches of a model. */
export const limitsOf = (
  { manifest: { batching } }: BatchedModel,
  options: { readonly targetMs: number; readonly maxBatchBytes: number },
): BatchLimits => ({
  maxRows: batching?.maxRows ?? 8_192,
  // Read anew for each batch: a server may turn out to take more.
  get maxBytes() {
    return options.maxBatchBytes
  },
  targetMs: options.targetMs,
  preferredRows: [...(batching?.preferredRows ?? [])].sort((one, other) => one - other),
  maxDelayMs: batching?.maxDelayMs ?? 0,
})

/** After a run of so many rows found too little memory. */
export const smaller = (limits: BatchLimits, rows: number): BatchLimits => ({
  ...limits,
  maxRows: Math.max(1, Math.min(limits.maxRows, Math.floor(rows / 2))),
})

/** How long the most patient of them waits. */
export const withinMs = (entries: readonly Entry[], now: number) =>
  entries.reduce((latest, { deadline }) => Math.max(latest, deadline), 0) - now

/** Fires when the last of them has left; nothing where one is not watched, which never does. */
export function whenAllLeft(entries: readonly Entry[]): AbortSignal | undefined {
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

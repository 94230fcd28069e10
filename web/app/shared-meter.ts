import type { Runtime } from '../api/create-runtime.ts'

/** Rows a run on the device between two readings; the last such figure where nothing ran since. */
export function createSharedMeter(runtime: Runtime, modelId: string): () => number | undefined {
  let before = { rows: 0, batches: 0 }
  let shared: number | undefined
  return () => {
    const now = { rows: 0, batches: 0 }
    for (const { session, rows, batches } of runtime.stats().device.models) {
      if (!session.startsWith(`${modelId}@`)) continue
      now.rows += rows
      now.batches += batches
    }
    if (now.batches > before.batches) shared = (now.rows - before.rows) / (now.batches - before.batches)
    before = now
    return shared
  }
}

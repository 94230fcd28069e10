import type { Runtime } from '../../api/create-runtime.ts'
import { createFiguresView } from '../figures-view.ts'
import { countText, milliseconds } from '../words.ts'
import type { PaymentStream } from './stream.ts'

/** Shows what the stream has done so far, and how it does now. */
export function showFigures(
  list: HTMLElement,
  runtime: Runtime,
  modelId: string,
  stream: PaymentStream,
): () => void {
  const view = createFiguresView(list, ['scored', 'lost', 'p99', 'p50', 'stayed', 'shared'])
  const readShared = createSharedMeter(runtime, modelId)
  return () => {
    const { scored, lost, onDevice, latencies } = stream
    const [p99, p50] = [latencies.percentile(0.99), latencies.percentile(0.5)]
    const shared = readShared()
    latencies.turn()
    const stayed = onDevice / scored
    view.show({
      scored: [scored, countText(scored)],
      lost: [lost, countText(lost)],
      ...(scored > 0 && { stayed: [stayed, `${(Math.floor(stayed * 1_000) / 10).toFixed(1)}%`] }),
      ...(p99 !== undefined && { p99: [p99, milliseconds(p99)] }),
      ...(p50 !== undefined && { p50: [p50, milliseconds(p50)] }),
      ...(shared !== undefined && {
        shared: [shared, shared < 10 ? shared.toFixed(1) : countText(Math.round(shared))],
      }),
    })
  }
}

/** Rows a run on the device between two readings; the last such figure where nothing ran since. */
function createSharedMeter(runtime: Runtime, modelId: string): () => number | undefined {
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

import type { Runtime } from '../../api/create-runtime.ts'
import { countText, milliseconds } from '../../view/words.ts'
import { createFiguresView, type Figure } from '../figures-view.ts'
import { createSharedMeter } from '../shared-meter.ts'
import type { PaymentStream } from './stream.ts'

/** Shows what the stream has done so far, and how it does now. */
export function showFigures(
  list: HTMLElement,
  runtime: Runtime,
  modelId: string,
  stream: PaymentStream,
): () => void {
  const view = createFiguresView(list, ['scored', 'rate', 'lost', 'p99', 'p50', 'stayed', 'shared'])
  const readShared = createSharedMeter(runtime, modelId)
  const readRate = createRateMeter(stream)
  return () => {
    const { scored, lost, onDevice, latencies } = stream
    const [p99, p50] = [latencies.percentile(0.99), latencies.percentile(0.5)]
    const shared = readShared()
    latencies.turn()
    const stayed = onDevice / scored
    view.show({
      scored: [scored, countText(scored)],
      rate: readRate(),
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

/** Readings over which payments a second are counted. */
const rateReadings = 4

/** Payments scored a second, lately. */
function createRateMeter(stream: PaymentStream): () => Figure {
  const readings: { readonly at: number; readonly scored: number }[] = []
  return () => {
    const now = { at: performance.now(), scored: stream.scored }
    const first = readings.length < rateReadings ? (readings[0] ?? now) : (readings.shift() ?? now)
    readings.push(now)
    const seconds = (now.at - first.at) / 1_000
    const rate = seconds > 0 ? (now.scored - first.scored) / seconds : 0
    return [rate, `${countText(Math.round(rate))} a second`]
  }
}

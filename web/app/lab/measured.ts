import { systemClock } from '../../../models/async/clock.ts'
import type { RuntimeWithFaults } from '../../api/runtime-with-faults.ts'
import { createIndexedDbCalibrations } from '../../device/calibration/calibration-store.ts'
import { fingerprintOf } from '../../device/calibration/calibrations.ts'
import { FlowMeter } from '../../view/spillway/flow.ts'
import { countOf, milliseconds } from '../../view/words.ts'
import type { Row } from './rows-view.ts'

/** Of a curve, so many points are written: the smallest run, the largest, and some between. */
const shownPoints = 4

/** Reads what was measured of this device and kept, and where the crest is by it. */
export function createMeasurements(runtime: RuntimeWithFaults): () => Promise<Row[]> {
  const store = createIndexedDbCalibrations(systemClock)
  return async () => {
    await runtime.storeMeasurements()
    const fingerprint = fingerprintOf(await runtime.capacity())
    const rows = runtime.models().map(async ({ manifest: { id, version } }) => {
      const stored = await store.read(`${id}@${version}`)
      if (stored?.fingerprint !== fingerprint) return []
      return Object.entries(stored.curves)
        .filter(([, points]) => points.length > 0)
        .map(([key, points]): Row => {
          const title = `${id}, ${key}`
          return { key: title, title, text: curveWords(points), tier: 'device' }
        })
    })
    return [crestRow(runtime), ...(await Promise.all(rows)).flat()]
  }
}

interface Point {
  readonly rows: number
  readonly ms: number
}

function curveWords(points: readonly Point[]): string {
  const byRows = points.toSorted((a, b) => a.rows - b.rows)
  const step = Math.max(1, (byRows.length - 1) / (shownPoints - 1))
  const shown = byRows.filter((_point, index) => index % Math.ceil(step) === 0 || index === byRows.length - 1)
  const words = shown
    .map(({ rows, ms }) => `${countOf(Math.round(rows), 'row')} in ${milliseconds(ms)}`)
    .join(', ')
  const [first, last] = [byRows[0], byRows.at(-1)]
  if (!first || !last || last.rows === first.rows) return words
  const perRow = (last.ms - first.ms) / (last.rows - first.rows)
  // What further rows cost is less than what runs differ by.
  if (perRow <= 0) return words
  return `${words}: ${perRowText(perRow)} a further row`
}

const perRowText = (ms: number): string => (ms < 0.1 ? `${(ms * 1_000).toFixed(1)} µs` : milliseconds(ms))

function crestRow(runtime: RuntimeWithFaults): Row {
  const { crestMs } = new FlowMeter().read(runtime.stats(), runtime.policy, performance.now())
  const text =
    crestMs === undefined
      ? 'nothing spills under this policy'
      : `calls go to the server while an answer here would take longer than ${milliseconds(crestMs)}`
  return { key: 'crest', title: 'Crest', text }
}

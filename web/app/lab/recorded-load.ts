import { playRecording } from '../recorded/play.ts'
import type { Reading } from './history.ts'

/** Readings of a load, a column for each figure; null where there was nothing to read. */
export interface RecordedLoad {
  /** Milliseconds since the start. */
  readonly at: readonly number[]
  readonly device: readonly number[]
  readonly server: readonly number[]
  readonly p50: readonly (number | null)[]
  readonly p95: readonly (number | null)[]
  readonly p99: readonly (number | null)[]
  readonly shared: readonly (number | null)[]
  readonly open: readonly number[]
}

/** Plays a recorded load in the charts. */
export function playLoad(
  recorded: RecordedLoad,
  draw: (readings: readonly Reading[]) => void,
  signal: AbortSignal,
): void {
  const readings = recorded.at.map(
    (ms, index): Reading => ({
      at: ms / 1_000,
      device: recorded.device[index] ?? 0,
      server: recorded.server[index] ?? 0,
      p50: recorded.p50[index] ?? undefined,
      p95: recorded.p95[index] ?? undefined,
      p99: recorded.p99[index] ?? undefined,
      shared: recorded.shared[index] ?? undefined,
      open: recorded.open[index] ?? 0,
    }),
  )
  playRecording(recorded.at, (count) => draw(readings.slice(0, count)), signal)
}

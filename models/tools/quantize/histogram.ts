import type { Range } from '../passes/qdq.ts'

const bins = 2048

export interface Histogram {
  add(values: ArrayLike<number>): void
  /** The range without the rarest values at both ends. */
  central(percent: number): Range
}

/** Counts values within a known range. */
export function createHistogram({ low, high }: Range): Histogram {
  const counts = new Float64Array(bins)
  const width = (high - low) / bins || 1

  const add = (values: ArrayLike<number>): void => {
    for (let index = 0; index < values.length; index++) {
      const bin = Math.min(bins - 1, Math.max(0, Math.floor(((values[index] ?? 0) - low) / width)))
      counts[bin] = (counts[bin] ?? 0) + 1
    }
  }

  const central = (percent: number): Range => {
    const total = counts.reduce((sum, count) => sum + count, 0)
    const cut = (total * (100 - percent)) / 200
    let first = 0
    for (let sum = counts[0] ?? 0; sum <= cut && first < bins - 1; sum += counts[first] ?? 0) first++
    let last = bins - 1
    for (let sum = counts[last] ?? 0; sum <= cut && last > first; sum += counts[last] ?? 0) last--
    return { low: low + first * width, high: low + (last + 1) * width }
  }

  return { add, central }
}

import type { BrowserContext, Page } from 'playwright-core'

/** One figure of one comparison, as `--json` prints it. */
export interface Comparison {
  readonly bench: string
  readonly metric: string
  readonly ours: number
  readonly theirs: number
  /** How much better ours is: more than one is better. For a bound, the measured value itself. */
  readonly ratio: number
  /** What is to be reached, in words. */
  readonly reach: string
  readonly ok: boolean
}

/** What a bench may use: made once for all of them. */
export interface Bed {
  /**
   * A fresh page with the bench's functions, its runtime's server being a real one with the test models; in a
   * context of its own, unless one is given.
   */
  openPage(context?: BrowserContext): Promise<Page>
  /** The folder of published models. */
  readonly models: string
}

export interface Bench {
  readonly name: string
  /** What is compared, in one line. */
  readonly what: string
  run(bed: Bed): Promise<Comparison[]>
}

export const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((one, other) => one - other)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? Number.NaN)
    : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2
}

export const percentile = (values: readonly number[], share: number): number => {
  const sorted = [...values].sort((one, other) => one - other)
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN
}

/** Times of two sides that took turns, in milliseconds. */
export interface Rounds {
  readonly ours: readonly number[]
  readonly theirs: readonly number[]
}

/** How many times faster ours is, against what has to be reached. */
export function faster(bench: string, metric: string, { ours, theirs }: Rounds, atLeast: number): Comparison {
  const [mine, other] = [median(ours), median(theirs)]
  const ratio = other / mine
  return { bench, metric, ours: mine, theirs: other, ratio, reach: `≥ ${atLeast}×`, ok: ratio >= atLeast }
}

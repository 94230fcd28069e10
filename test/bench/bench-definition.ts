import type { BrowserContext, Page } from 'playwright-core'

/** One figure of a bench, as `--json` prints it. */
export interface Comparison {
  readonly bench: string
  readonly metric: string
  readonly ours: number
  readonly theirs: number
  /** How many times better ours is; for a bound, the measured value itself. */
  readonly ratio: number
  /** The target, in words. */
  readonly reach: string
  /** Whether the target was met. */
  readonly ok: boolean
}

/** What benches share. */
export interface Harness {
  /**
   * A fresh page with the functions of `page/main.ts`. Its server is a real one with the test models.
   *
   * @param context The browser context of the page. Default: a new one.
   */
  openPage(context?: BrowserContext): Promise<Page>
  /** The folder of published models. */
  readonly models: string
  /** Whether the bench is only tried: a tenth of the time is enough, and the figures do not count. */
  readonly isTrial: boolean
}

export interface Bench {
  readonly name: string
  /** What is compared with what, in one line. */
  readonly description: string
  run(harness: Harness): Promise<Comparison[]>
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

/** The times of two sides that took turns, in milliseconds. */
export interface Rounds {
  readonly ours: readonly number[]
  readonly theirs: readonly number[]
}

/** Compares the medians of two sides. @param atLeast The target: how many times faster ours has to be. */
export function faster(bench: string, metric: string, { ours, theirs }: Rounds, atLeast: number): Comparison {
  const [oursMs, theirsMs] = [median(ours), median(theirs)]
  const ratio = theirsMs / oursMs
  return {
    bench,
    metric,
    ours: oursMs,
    theirs: theirsMs,
    ratio,
    reach: `≥ ${atLeast}×`,
    ok: ratio >= atLeast,
  }
}

/** A figure that has a bound; its ratio is the measured value, or what is given. @param theirs What it is compared with. */
export function atMost(
  bench: string,
  metric: string,
  { ours, theirs, ratio = ours }: Pick<Comparison, 'ours' | 'theirs'> & { readonly ratio?: number },
  most: number,
  unit = '',
): Comparison {
  return { bench, metric, ours, theirs, ratio, reach: `≤ ${most}${unit}`, ok: ratio <= most }
}

/** A figure whose ratio to theirs has to reach a target. */
export function atLeast(
  bench: string,
  metric: string,
  { ours, theirs }: Pick<Comparison, 'ours' | 'theirs'>,
  least: number,
): Comparison {
  const ratio = ours / theirs
  return { bench, metric, ours, theirs, ratio, reach: `≥ ${least}×`, ok: ratio >= least }
}

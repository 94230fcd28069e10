/** Mean rows and milliseconds of runs, and how many there were since the curve was created. */
interface MeasuredPoint {
  rows: number
  ms: number
  runs: number
}

/**
 * The cost of a run by its rows, on one backend, learned from the runs themselves: milliseconds of a lane, without the
 * lateness of the page that reads its answers. One moving average per power of two: costs change, because devices throttle
 * and other work comes and goes.
 */
export class CostCurve {
  /** By the binary logarithm of their rows. */
  readonly #points: (MeasuredPoint | undefined)[] = []
  #largest = 0

  /** Rows of the largest run so far. */
  get largestRows(): number {
    return this.#largest
  }

  /** Estimated milliseconds of one row in a run as large as the largest so far; zero while nothing is known. */
  get rowMs(): number {
    return this.#largest === 0 ? 0 : this.predict(this.#largest) / this.#largest
  }

  get isKnown(): boolean {
    return this.#largest > 0
  }

  learn(rows: number, ms: number): void {
    const at = bucketOf(rows)
    const point = this.#points[at]
    if (!point) this.#points[at] = { rows, ms, runs: 1 }
    else {
      point.runs++
      point.rows += weight * (rows - point.rows)
      point.ms += weight * (ms - point.ms)
    }
    this.#largest = Math.max(this.#largest, rows)
  }

  /** Whether runs of this size were measured often enough to refuse a request for their cost. */
  isReliable(rows: number): boolean {
    return (this.#points[bucketOf(rows)]?.runs ?? 0) >= reliableRuns
  }

  /** Estimated milliseconds of a run of `rows`; zero while nothing is known. */
  predict(rows: number): number {
    let below: MeasuredPoint | undefined
    for (const point of this.#points) {
      if (!point) continue
      if (point.rows >= rows)
        return below ? between(below, point, rows) : point.ms * Math.min(1, rows / point.rows + overhead)
      below = point
    }
    // Beyond the largest run, a row costs what it did there, its share of the fixed cost included.
    return below ? (below.ms * rows) / below.rows : 0
  }

  /** Rows that a run may have to end within `ms`; one at least. */
  rowsWithin(ms: number): number {
    if (!this.isKnown) return 1
    let low = 1
    let high = 2
    while (high < maxRows && this.predict(high) <= ms) {
      low = high
      high *= 2
    }
    while (high - low > 1) {
      const middle = (low + high) >> 1
      if (this.predict(middle) <= ms) low = middle
      else high = middle
    }
    return low
  }

  /** The points, to be stored until the next visit. */
  toJSON(): readonly CostPoint[] {
    return this.#points.filter((point) => point !== undefined).map(({ rows, ms }) => ({ rows, ms }))
  }

  /** A curve of points that were measured earlier. It is not reliable before runs confirm it. */
  static from(points: readonly CostPoint[]): CostCurve {
    const curve = new CostCurve()
    for (const { rows, ms } of points) curve.learn(rows, ms)
    for (const point of curve.#points) if (point) point.runs = 0
    return curve
  }
}

export interface CostPoint {
  readonly rows: number
  readonly ms: number
}

/** Weight of a new run in the moving average. */
const weight = 0.25

/** Runs of one size after which their mean is reliable. */
const reliableRuns = 4

/** The fixed share of a run's cost, assumed for runs smaller than any measured. */
const overhead = 0.25

const maxRows = 2 ** 20

const bucketOf = (rows: number) => Math.floor(Math.log2(Math.max(1, rows)))

const between = (low: CostPoint, high: CostPoint, rows: number) =>
  low.ms + ((high.ms - low.ms) * (rows - low.rows)) / (high.rows - low.rows || 1)

/**
 * What a run of so many rows costs on one backend, learned from the runs themselves.
 * One estimate per power of two, each an average that forgets: devices throttle, and other work comes and goes.
 */
export class CostCurve {
  /** By the logarithm of the rows: mean rows and mean milliseconds of the runs of about that size. */
  readonly #points: ({ rows: number; ms: number } | undefined)[] = []
  #largest = 0

  /** The most rows that were ever run at once. */
  get largestRows(): number {
    return this.#largest
  }

  get isKnown(): boolean {
    return this.#largest > 0
  }

  learn(rows: number, ms: number): void {
    const at = bucketOf(rows)
    const point = this.#points[at]
    if (!point) this.#points[at] = { rows, ms }
    else {
      point.rows += weight * (rows - point.rows)
      point.ms += weight * (ms - point.ms)
    }
    this.#largest = Math.max(this.#largest, rows)
  }

  /** Milliseconds that a run of `rows` should take; zero while nothing is known. */
  predict(rows: number): number {
    let below: { rows: number; ms: number } | undefined
    for (const point of this.#points) {
      if (!point) continue
      if (point.rows >= rows)
        return below ? between(below, point, rows) : point.ms * Math.min(1, rows / point.rows + overhead)
      below = point
    }
    // Past what was measured every row costs what it did in the largest run: a run's fixed cost is already in it.
    return below ? (below.ms * rows) / below.rows : 0
  }

  /** The most rows that should be done within `ms`; one at least, since a request cannot be cut. */
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

  /** As numbers, to be kept until the next visit. */
  toJSON(): readonly CostPoint[] {
    return this.#points.filter((point) => point !== undefined).map(({ rows, ms }) => ({ rows, ms }))
  }

  static from(points: readonly CostPoint[]): CostCurve {
    const curve = new CostCurve()
    for (const { rows, ms } of points) curve.learn(rows, ms)
    return curve
  }
}

export interface CostPoint {
  readonly rows: number
  readonly ms: number
}

/** Of a new run against the average of those before it. */
const weight = 0.25

/** A smaller run than any measured costs at least this share of it: some of a run's cost is fixed. */
const overhead = 0.25

const maxRows = 2 ** 20

const bucketOf = (rows: number) => Math.floor(Math.log2(Math.max(1, rows)))

const between = (low: CostPoint, high: CostPoint, rows: number) =>
  low.ms + ((high.ms - low.ms) * (rows - low.rows)) / (high.rows - low.rows || 1)

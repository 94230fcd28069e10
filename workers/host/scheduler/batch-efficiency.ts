/** Milliseconds a row, at best of late, in runs of one size; the size is a power of two and less than twice that. */
type RowCosts = (number | undefined)[]

/**
 * How long a model's runs have to be. Where a row costs the same in a small run as in a large one, as on most CPUs, a large
 * run makes every request wait for the others in it and answers none more. Where a run's cost is mostly fixed, as on a GPU,
 * large runs answer more.
 */
export class BatchEfficiency {
  readonly #limitMs: number
  readonly #rowCosts: RowCosts = []
  #shortRuns = 0
  #enoughMs: number

  /** @param limitMs Milliseconds that one run should take at most. */
  constructor(limitMs: number) {
    this.#limitMs = limitMs
    this.#enoughMs = limitMs
  }

  /** Milliseconds of the shortest run whose rows cost about as little as in any; the limit while that is not known. */
  get enoughMs(): number {
    return this.#enoughMs
  }

  learn(rows: number, ms: number): void {
    // Shorter than the clock's step: it would be the best cost for ever.
    if (ms <= 0) return
    const size = sizeOf(rows)
    const lowest = this.#rowCosts[size]
    // Other work on the device only ever adds to a run. A device that has become slower is believed step by step.
    this.#rowCosts[size] = Math.min(ms / Math.max(1, rows), (lowest ?? Number.POSITIVE_INFINITY) * forgetting)
    this.#shortRuns = ms < long * this.#limitMs ? this.#shortRuns + 1 : 0
    const leastMs = this.#leastMs()
    this.#enoughMs = this.#shortRuns < mostShortRuns ? leastMs : Math.min(this.#limitMs, exploring * leastMs)
  }

  #leastMs(): number {
    const costs = this.#rowCosts
    const largest = costs.length - 1
    if ((costs[largest] ?? 0) * 2 ** largest < long * this.#limitMs) return this.#limitMs
    let best = Number.POSITIVE_INFINITY
    for (const cost of costs) if (cost !== undefined && cost < best) best = cost
    const size = costs.findIndex((cost) => cost !== undefined && cost <= best * tolerance)
    if (size === largest) return this.#limitMs
    const ms = (costs[size] ?? 0) * (size === 0 ? 1 : 1.5 * 2 ** size)
    return Math.min(this.#limitMs, Math.max(leastShare * this.#limitMs, ms))
  }
}

/** How much more a row may cost in a run that is long enough, than at best. */
const tolerance = 1.05

/** The shortest run that is planned, of the limit: messages to a lane cost as much for a short run as for a long one. */
const leastShare = 0.2

/** A run tells what long ones cost from this share of the limit on. */
const long = 0.25

/** After so many shorter runs, one may be longer: costs change. */
const mostShortRuns = 1_024

/** How much longer: if a row costs less there, the next may be longer again. One as long as the limit would be the p99 of all. */
const exploring = 2

/** A lowest cost rises by this factor with each run that did not reach it. */
const forgetting = 1.01

const sizeOf = (rows: number) => Math.floor(Math.log2(Math.max(1, rows)))

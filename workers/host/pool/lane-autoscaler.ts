import type { Layout } from './lane-layout.ts'

/** A batch's run while every lane was busy and more requests waited: it shows the pool's highest throughput. */
export interface Sample {
  readonly session: string
  readonly rows: number
  /** Milliseconds of one lane. */
  readonly ms: number
}

/** How much one more lane with a session would have done lately, and what it would cost. */
export interface Need {
  readonly session: string
  /** Milliseconds of runs that another lane could have shared. */
  readonly unmetMs: number
  /** Milliseconds to start a lane and load the session into it. */
  readonly costMs: number
}

/** The throughput of a step, relative to the step below: at least this much to keep a new one, and to stay on it. */
const gainToKeep = 1.15
const gainToStay = 1.05

/** Runs and milliseconds of each lane that a step is judged by, after its first runs, which are warm-up. */
const enoughRuns = 3
const enoughMs = 200
const warmUpRuns = 2

/** A step that was not needed for so long is given back. */
const idleMs = 30_000

/** After a step that did not pay, the next attempt waits; twice as long each time, unless a step was kept for a while. */
const firstWaitMs = 30_000
const longestWaitMs = 600_000
const keptMs = 300_000

/** Weight of a new run in the moving average. */
const weight = 0.1

/**
 * Decides how many lanes to have. It goes up one step of the layouts when work waits for longer than the step costs,
 * compares the measured throughput with that of the step below, and keeps the step only where it is clearly faster.
 */
export class Autoscaler {
  readonly #layouts: readonly Layout[]
  readonly #rates = new Map<string, Throughput[]>()
  #step = 0
  /** The session that the present step is on trial for. */
  #trial: string | undefined
  #usedAt = Number.NEGATIVE_INFINITY
  #keptAt = Number.NEGATIVE_INFINITY
  #waitMs = firstWaitMs
  #blockedUntil = Number.NEGATIVE_INFINITY
  /** Whether the step above was left for one whose rate may have been out of date. */
  #isDoubted = false
  /** Whether a step was tried again for that since the last one that was kept. */
  #isRetried = false

  constructor(layouts: readonly Layout[]) {
    this.#layouts = layouts
  }

  get layout(): Layout {
    return this.#layouts[this.#step] ?? { lanes: 1, threads: 1 }
  }

  get isLowest(): boolean {
    return this.#step === 0
  }

  observe({ session, rows, ms }: Sample, now: number): void {
    this.#usedAt = now
    this.#rateOf(session, this.#step).add(rows, ms)
  }

  /** The layout to change to, where it is not the present one. The caller then reports `applied` or `failed`. */
  next(now: number, need?: Need): Layout | undefined {
    if (this.#trial !== undefined) {
      const gain = this.#gain(this.#trial)
      if (gain !== undefined) {
        this.#trial = undefined
        if (gain < gainToKeep) return this.#stepDown(now)
        this.#keptAt = now
        this.#isRetried = false
      }
    }
    if (this.#step > 0 && now - this.#usedAt >= idleMs) return this.#layouts[this.#step - 1]
    if (!need) return undefined
    if (this.#trial === undefined && (this.#gain(need.session) ?? gainToStay) < gainToStay) {
      if (now - this.#keptAt >= keptMs) this.#waitMs = firstWaitMs
      return this.#stepDown(now)
    }
    const isKnown = this.#rateOf(need.session, this.#step).isEnough(this.layout.lanes)
    if (this.#isDoubted && isKnown) this.#compareAgain(need.session)
    const pays = need.unmetMs >= need.costMs && now >= this.#blockedUntil
    return this.#trial === undefined && isKnown && pays ? this.#layouts[this.#step + 1] : undefined
  }

  /** The lanes of a layout that `next` returned have started. */
  applied(layout: Layout, now: number, need?: Need): void {
    const step = this.#layouts.indexOf(layout)
    this.#trial = step > this.#step ? need?.session : undefined
    this.#step = step
    this.#usedAt = now
    // Earlier measurements of this step are out of date.
    for (const rates of this.#rates.values()) rates[step] = new Throughput(layout.lanes * warmUpRuns)
  }

  /** The lanes of a layout that `next` returned could not be started. */
  failed(now: number): void {
    this.#block(now)
  }

  /** The throughput of a step relative to the one below, once enough was measured of both. */
  #gain(session: string, step = this.#step): number | undefined {
    const [lower, upper] = [this.#layouts[step - 1], this.#layouts[step]]
    if (!lower || !upper) return undefined
    const [below, here] = [this.#rateOf(session, step - 1), this.#rateOf(session, step)]
    if (!below.isEnough(lower.lanes) || !here.isEnough(upper.lanes)) return undefined
    return (upper.lanes * here.rowsPerMs) / (lower.lanes * below.rowsPerMs)
  }

  /**
   * A step is compared with what the one below brought before, when the machine may have had less else to do. Back there,
   * both are compared under the same load: where the step was better after all, it is tried again at once.
   */
  #compareAgain(session: string): void {
    this.#isDoubted = false
    if ((this.#gain(session, this.#step + 1) ?? 0) < gainToKeep) return
    this.#isRetried = true
    this.#blockedUntil = Number.NEGATIVE_INFINITY
    this.#waitMs = Math.max(firstWaitMs, this.#waitMs / 2)
  }

  #stepDown(now: number): Layout | undefined {
    this.#isDoubted = !this.#isRetried
    this.#block(now)
    return this.#layouts[this.#step - 1]
  }

  #block(now: number): void {
    this.#blockedUntil = now + this.#waitMs
    this.#waitMs = Math.min(longestWaitMs, 2 * this.#waitMs)
  }

  #rateOf(session: string, step: number): Throughput {
    let rates = this.#rates.get(session)
    if (!rates) {
      rates = this.#layouts.map(() => new Throughput())
      this.#rates.set(session, rates)
    }
    return rates[step] ?? new Throughput()
  }
}

/** Rows per millisecond of one lane, as a moving average. */
class Throughput {
  #skipped: number
  #runs = 0
  #totalMs = 0
  #rows = 0
  #ms = 0

  constructor(skipped = 0) {
    this.#skipped = skipped
  }

  add(rows: number, ms: number): void {
    if (this.#skipped-- > 0) return
    this.#runs++
    this.#totalMs += ms
    // The mean of all runs at first, a moving average later.
    const share = Math.max(weight, 1 / this.#runs)
    this.#rows += share * (rows - this.#rows)
    this.#ms += share * (ms - this.#ms)
  }

  get rowsPerMs(): number {
    return this.#rows / Math.max(this.#ms, 1e-6)
  }

  isEnough(lanes: number): boolean {
    return this.#runs >= lanes * enoughRuns && this.#totalMs >= lanes * enoughMs
  }
}

/** Milliseconds after which unmet demand counts only 1/e. */
const memoryMs = 10_000

/** Milliseconds of runs that one more lane could have shared. They decay: a burst long past is no reason for a lane. */
export class UnmetDemand {
  #ms = 0
  #at = 0

  add(ms: number, now: number): void {
    this.#ms = this.at(now) + ms
    this.#at = now
  }

  at(now: number): number {
    return this.#ms * Math.exp((this.#at - now) / memoryMs)
  }

  reset(): void {
    this.#ms = 0
  }
}

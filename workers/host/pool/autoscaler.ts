import type { Layout } from './layout.ts'

/** A run of a batch while every lane was busy and more waited: what the pool can do at most. */
export interface Sample {
  readonly session: string
  readonly rows: number
  /** Of one lane's time. */
  readonly ms: number
}

/** What a session lacked lately, and what one more lane with it would cost. */
export interface Need {
  readonly session: string
  /** Milliseconds of runs that another lane could have shared. */
  readonly shortMs: number
  /** To start a lane and load the session into it. */
  readonly costMs: number
}

/** A step up has to bring so much more throughput to be kept, and to keep so much of it to stay. */
const gainToKeep = 1.15
const gainToStay = 1.05

/** What has to be seen of a step before it is judged: runs, and milliseconds, of each lane. The first are warm-up. */
const enoughRuns = 3
const enoughMs = 200
const warmUpRuns = 2

/** Not needed for so long, a step is given back. */
const idleMs = 30_000

/** After a step that did not pay, the next try waits: longer each time, unless steps held in between. */
const firstWaitMs = 30_000
const longestWaitMs = 600_000
const heldMs = 300_000

/** Of a new run against those before it. */
const weight = 0.1

/**
 * How many lanes pay: climbs a step of the layouts when work waits for longer than the step costs, compares the measured
 * throughput with that of the step below, and keeps the step only where it is clearly faster. Time is an argument.
 */
export class Autoscaler {
  readonly #layouts: readonly Layout[]
  readonly #rates = new Map<string, Throughput[]>()
  #step = 0
  /** The session whose need the present step is tried for. */
  #trial: string | undefined
  #usedAt = Number.NEGATIVE_INFINITY
  #keptAt = Number.NEGATIVE_INFINITY
  #waitMs = firstWaitMs
  #blockedUntil = Number.NEGATIVE_INFINITY

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

  /** The layout to go to, where the present one is not the one to have. It is told by `arrived` or `failed`. */
  next(now: number, need?: Need): Layout | undefined {
    if (this.#trial !== undefined) {
      const gain = this.#gain(this.#trial)
      if (gain !== undefined) {
        this.#trial = undefined
        if (gain < gainToKeep) return this.#below(now)
        this.#keptAt = now
      }
    }
    if (this.#step > 0 && now - this.#usedAt >= idleMs) return this.#layouts[this.#step - 1]
    if (!need) return undefined
    if (this.#trial === undefined && (this.#gain(need.session) ?? gainToStay) < gainToStay) {
      if (now - this.#keptAt >= heldMs) this.#waitMs = firstWaitMs
      return this.#below(now)
    }
    const isKnown = this.#rateOf(need.session, this.#step).isEnough(this.layout.lanes)
    const pays = need.shortMs >= need.costMs && now >= this.#blockedUntil
    return this.#trial === undefined && isKnown && pays ? this.#layouts[this.#step + 1] : undefined
  }

  /** The lanes of a layout that `next` gave are there. */
  arrived(layout: Layout, now: number, need?: Need): void {
    const step = this.#layouts.indexOf(layout)
    this.#trial = step > this.#step ? need?.session : undefined
    this.#step = step
    this.#usedAt = now
    // What was measured there before held for other times.
    for (const rates of this.#rates.values()) rates[step] = new Throughput(layout.lanes * warmUpRuns)
  }

  /** The lanes of a layout that `next` gave could not be had. */
  failed(now: number): void {
    this.#block(now)
  }

  /** How many times faster this step is than the one below, once enough is seen of both. */
  #gain(session: string): number | undefined {
    const [lower, lanes] = [this.#layouts[this.#step - 1], this.layout.lanes]
    if (!lower) return undefined
    const [below, here] = [this.#rateOf(session, this.#step - 1), this.#rateOf(session, this.#step)]
    if (!below.isEnough(lower.lanes) || !here.isEnough(lanes)) return undefined
    return (lanes * here.rowsPerMs) / (lower.lanes * below.rowsPerMs)
  }

  #below(now: number): Layout | undefined {
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

/** Rows in a lane's time, the latest runs counting most. */
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
    // A mean of all at first, one that forgets later.
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

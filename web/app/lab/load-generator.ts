import type { Placement, Tier } from '../../../models/core/index.ts'
import { Latencies } from '../payments/latencies.ts'

/** How calls come. */
export type Loop =
  /** So many callers, each of which calls again once it has its answer. */
  | 'closed'
  /** So many calls a second, whether or not earlier ones are answered. */
  | 'open'

export interface Load {
  readonly loop: Loop
  /** Callers, or calls a second. */
  readonly amount: number
  /** The most calls without an answer: with more, an open loop would only fill the page's memory. */
  readonly mostOpen: number
  readonly call: () => Promise<Placement>
}

/** The longest time, in milliseconds, whose calls of an open loop are made at once: after a pause none are made up for. */
const longestTickMs = 50

/** Makes calls, and counts what became of them. */
export class LoadGenerator {
  readonly #now: () => number
  readonly #open = new Set<Promise<boolean>>()
  readonly latencies = new Latencies()
  readonly answered: Record<Tier, number> = { device: 0, server: 0 }
  /** Calls that failed. */
  lost = 0
  /** Calls of an open loop that were not made, as too many had no answer. */
  skipped = 0
  /** Why a call failed last. */
  lastFailure: unknown
  #load: Load | undefined
  #owed = 0
  #tickedAt = 0

  /** @param now Milliseconds, on any clock. */
  constructor(now: () => number) {
    this.#now = now
  }

  /** Calls without an answer. */
  get open(): number {
    return this.#open.size
  }

  get isRunning(): boolean {
    return this.#load !== undefined
  }

  start(load: Load): void {
    this.#load = load
    this.#owed = 0
    this.#tickedAt = this.#now()
  }

  /** Makes no more calls. Those without an answer go on. */
  stop(): void {
    this.#load = undefined
  }

  /** Makes the calls that are due: to be called often. */
  tick(): void {
    const load = this.#load
    if (!load) return
    const now = this.#now()
    const seconds = Math.min(longestTickMs, now - this.#tickedAt) / 1_000
    this.#tickedAt = now
    const due = load.loop === 'closed' ? load.amount - this.open : this.#dueOpen(load, seconds)
    for (let index = 0; index < due; index++) this.#call(load)
  }

  /** Resolves once all calls that have no answer now are settled: how many they were, and how many of them failed. */
  async settleOpen(): Promise<{ readonly calls: number; readonly lost: number }> {
    const outcomes = await Promise.all(this.#open)
    return { calls: outcomes.length, lost: outcomes.filter((isAnswered) => !isAnswered).length }
  }

  #dueOpen({ amount, mostOpen }: Load, seconds: number): number {
    this.#owed += amount * seconds
    const due = Math.floor(this.#owed)
    this.#owed -= due
    const room = Math.max(0, mostOpen - this.open)
    this.skipped += Math.max(0, due - room)
    return Math.min(due, room)
  }

  #call(load: Load): void {
    const askedAt = this.#now()
    const settled: Promise<boolean> = load.call().then(
      ({ tier }) => {
        this.#open.delete(settled)
        this.answered[tier]++
        this.latencies.add(this.#now() - askedAt)
        // A caller whose call failed waits for the next tick: else failures would follow each other without end.
        const callsAgain = this.#load === load && load.loop === 'closed' && this.open < load.amount
        if (callsAgain) this.#call(load)
        return true
      },
      (cause: unknown) => {
        this.#open.delete(settled)
        this.lost++
        this.lastFailure = cause
        return false
      },
    )
    this.#open.add(settled)
  }
}

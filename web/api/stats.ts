import type { Clock } from '../../models/async/clock.ts'
import type { Placement } from '../../models/core/index.ts'
import type { PoolStats } from '../../workers/host/pool/pool.ts'
import type { SchedulerStats } from '../../workers/host/scheduler/stats.ts'

/** What a runtime does now, and what it did so far. */
export interface RuntimeStats {
  /** Queue and batches of the device, its lanes, and the memory that models take in them. */
  readonly device: SchedulerStats & PoolStats
  /** Queue and batches of what goes to the server; `null` where the runtime has none. */
  readonly server: SchedulerStats | null
  /** Where requests were answered, and how many. */
  readonly placements: readonly { readonly placement: Placement; readonly requests: number }[]
}

/** Told while requests run, and once after the last. */
export class StatsEvent extends Event {
  readonly stats: RuntimeStats

  constructor(stats: RuntimeStats) {
    super('stats')
    this.stats = stats
  }
}

/** Milliseconds from one event to the next. */
const everyMs = 250

/** Tells of what happens, four times a second at most: many requests are no more work than one. */
export class StatsEmitter {
  readonly #clock: Clock
  readonly #stats: () => RuntimeStats
  readonly #tell: (event: StatsEvent) => void
  #cancel: (() => void) | undefined

  constructor(clock: Clock, stats: () => RuntimeStats, tell: (event: StatsEvent) => void) {
    this.#clock = clock
    this.#stats = stats
    this.#tell = tell
  }

  /** Something happens; it is called for every request. */
  note(): void {
    this.#cancel ??= this.#clock.after(everyMs, () => {
      this.#cancel = undefined
      const stats = this.#stats()
      this.#tell(new StatsEvent(stats))
      if (isAtWork(stats.device) || (stats.server && isAtWork(stats.server))) this.note()
    })
  }

  close(): void {
    this.#cancel?.()
    // As if the next event were planned: none is from now on.
    this.#cancel = () => {}
  }
}

const isAtWork = ({ queued, running }: SchedulerStats) => queued + running > 0

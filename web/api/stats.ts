import type { Clock } from '../../models/async/clock.ts'
import type { Placement } from '../../models/core/index.ts'
import type { PoolStats } from '../../workers/host/pool/pool.ts'
import type { SchedulerStats } from '../../workers/host/scheduler/stats.ts'

/** A snapshot of a runtime: its load now, and its work so far. */
export interface RuntimeStats {
  /** The device's queue and batches, its lanes, and the bytes that models take in them. */
  readonly device: SchedulerStats & PoolStats
  /** The queue and batches of requests to the server; `null` where the runtime has none. */
  readonly server: SchedulerStats | null
  /** How many requests were answered at each placement; a text counts where its last piece was generated. */
  readonly placements: readonly { readonly placement: Placement; readonly requests: number }[]
}

/** The `stats` event of a runtime: dispatched while requests run, and once after the last. */
export class StatsEvent extends Event {
  /** The snapshot at the time of the event. */
  readonly stats: RuntimeStats

  constructor(stats: RuntimeStats) {
    super('stats')
    this.stats = stats
  }
}

const intervalMs = 250

/** Emits stats while requests run, at most four times a second, so that many requests cost no more events than one. */
export class StatsEmitter {
  readonly #clock: Clock
  readonly #stats: () => RuntimeStats
  readonly #emit: (event: StatsEvent) => void
  #cancel: (() => void) | undefined

  constructor(clock: Clock, stats: () => RuntimeStats, emit: (event: StatsEvent) => void) {
    this.#clock = clock
    this.#stats = stats
    this.#emit = emit
  }

  /** Called for every request. */
  noteActivity(): void {
    this.#cancel ??= this.#clock.after(intervalMs, () => {
      this.#cancel = undefined
      const stats = this.#stats()
      this.#emit(new StatsEvent(stats))
      if (isActive(stats.device) || (stats.server && isActive(stats.server))) this.noteActivity()
    })
  }

  close(): void {
    this.#cancel?.()
    // A pending event that never comes: later activity schedules none.
    this.#cancel = () => {}
  }
}

const isActive = ({ queued, running }: SchedulerStats) => queued + running > 0

import type { LeasedLane } from '../../../workers/host/pool/lane-holder.ts'
import type { SessionSpec } from '../../../workers/host/scheduler/work.ts'
import type { SequenceSchedulerOptions } from '../../../workers/host/text/sequence-options.ts'
import { SequenceScheduler } from '../../../workers/host/text/sequence-scheduler.ts'
import type { CatalogueEntry } from '../catalogue.ts'

export interface TextLanesOptions {
  readonly entry: CatalogueEntry
  /** Where its texts run while the devices work. */
  readonly home: SessionSpec
  /** Whether they run on the CPU now, because no GPU works. */
  readonly isOnCpu: () => boolean
  readonly onCpu: () => SessionSpec
  readonly lease: (session: SessionSpec) => Promise<LeasedLane>
  /** How often a GPU was suspended. */
  readonly suspensions: () => number
  readonly sequences: Omit<SequenceSchedulerOptions, 'session' | 'lease' | 'executedOn' | 'hasMoved'>
}

/** The texts of one variant of a model. Those of a GPU that is lost again and again go on, from their last tokens, on the CPU. */
export class TextLanes {
  readonly entry: CatalogueEntry
  readonly scheduler: SequenceScheduler
  readonly #options: TextLanesOptions
  #cpuSession: SessionSpec | undefined

  constructor(options: TextLanesOptions) {
    this.#options = options
    this.entry = options.entry
    const { home, lease, suspensions, sequences } = options
    this.scheduler = new SequenceScheduler({
      ...sequences,
      session: home.key,
      executedOn: home,
      hasMoved: (session) => session !== this.#session.key,
      lease: async () => {
        const before = suspensions()
        const spec = this.#session
        try {
          return { ...(await lease(spec)), spec }
        } catch (cause) {
          // Loading it may have been one loss too many.
          if (suspensions() === before) throw cause
          const next = this.#session
          return { ...(await lease(next)), spec: next }
        }
      },
    })
  }

  /** Sessions that it may have in lanes. */
  get sessions(): readonly SessionSpec[] {
    const { home } = this.#options
    return this.#cpuSession ? [home, this.#cpuSession] : [home]
  }

  /** Moves its texts from the CPU to a GPU that is tried again. */
  returnToGpu(): void {
    if (this.#session.backend !== this.scheduler.executedOn.backend) this.scheduler.relocate()
  }

  get #session(): SessionSpec {
    const { home, isOnCpu, onCpu } = this.#options
    if (!isOnCpu()) return home
    this.#cpuSession ??= onCpu()
    return this.#cpuSession
  }
}

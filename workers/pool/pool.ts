import { SpillwayError } from '../../models/index.ts'
import type { Clock } from '../clock.ts'
import type { Lane } from '../lane/lane.ts'
import type { Batch, BatchAnswer, Lanes } from '../scheduler/lanes.ts'
import type { SessionSource } from '../scheduler/work.ts'
import { Slot } from './slot.ts'

export interface PoolOptions {
  readonly lanes: number
  /** Threads of one lane's run. */
  readonly threads: number
  readonly startLane: (name: string) => Lane
  readonly clock: Clock
}

/** Lanes: started when they are needed, replaced when they die. Nothing waits here; the scheduler's requests do. */
export class Pool implements Lanes<SessionSource> {
  readonly #clock: Clock
  readonly #slots: readonly Slot[]

  constructor(options: PoolOptions) {
    this.#clock = options.clock
    this.#slots = Array.from({ length: options.lanes }, (_, index) => new Slot(`lane-${index}`, options))
  }

  get count(): number {
    return this.#slots.length
  }

  get isFree(): boolean {
    return this.#slots.some(({ isBusy }) => !isBusy)
  }

  /** Whether some lane has the session loaded. */
  has(session: string): boolean {
    return this.#slots.some((slot) => slot.has(session))
  }

  run(source: SessionSource, batch: Batch): Promise<BatchAnswer> {
    const { key, backend, variant } = source
    return this.#freeSlot(key).use(source, async (lane) => {
      if (batch.signal.aborted) throw new SpillwayError('aborted', 'Every caller has gone')
      const startedAt = this.#clock.now()
      const { outputs, computeMs } = await lane.run({ session: key, inputs: batch.pack() })
      return { outputs, ranOn: { backend, variant }, startedAt, waitedMs: 0, computeMs }
    })
  }

  prepare(source: SessionSource | undefined): Promise<void> {
    return this.#freeSlot(source?.key).use(source, () => Promise.resolve())
  }

  close(): void {
    const reason = new SpillwayError('closed', 'The pool was closed')
    for (const slot of this.#slots) slot.close(reason)
  }

  /** One that has the session loaded before one that would have to load it. */
  #freeSlot(session: string | undefined): Slot {
    const free = this.#slots.filter(({ isBusy }) => !isBusy)
    const slot = free.find((candidate) => session !== undefined && candidate.has(session)) ?? free[0]
    if (slot) return slot
    throw new SpillwayError('internal', 'No lane is free')
  }
}

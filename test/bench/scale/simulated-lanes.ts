import type { Clock } from '../../../models/async/clock.ts'
import type { Backend } from '../../../models/core/index.ts'
import type { Batch, BatchResult, Lanes } from '../../../workers/host/scheduler/lanes.ts'
import type { BatchedModel } from '../../../workers/host/scheduler/work.ts'

/** A model as a simulated lane runs it. */
export interface SimulatedSession extends BatchedModel {
  readonly backend: Backend
  readonly variant: string
}

/** Lanes whose runs take the time that a function says. Lanes of one backend are shared by its models. */
export class SimulatedLanes<S extends SimulatedSession> implements Lanes<S> {
  readonly #clock: Clock
  readonly #count: number
  readonly #costOf: (session: S, rows: number) => number
  readonly #busy = new Map<Backend, number>()
  /** Milliseconds that lanes worked. */
  busyMs = 0

  constructor(clock: Clock, count: number, costOf: (session: S, rows: number) => number) {
    this.#clock = clock
    this.#count = count
    this.#costOf = costOf
  }

  count(): number {
    return this.#count
  }

  free({ backend }: S): number {
    return this.#count - (this.#busy.get(backend) ?? 0)
  }

  shared(one: S, other: S): boolean {
    return one.backend === other.backend
  }

  onFree(): void {}

  prepare(): Promise<void> {
    return Promise.resolve()
  }

  run(session: S, { rows }: Batch): Promise<BatchResult> {
    const { backend, variant } = session
    const free = this.free(session)
    if (free <= 0) throw new Error('A busy lane was given a batch')
    this.#busy.set(backend, this.#count - free + 1)
    const startedAt = this.#clock.now()
    const costMs = this.#costOf(session, rows)
    this.busyMs += costMs
    return new Promise((resolve) => {
      this.#clock.after(costMs, () => {
        this.#busy.set(backend, (this.#busy.get(backend) ?? 1) - 1)
        resolve({
          outputs: {},
          executedOn: { backend, variant },
          startedAt,
          waitedMs: 0,
          computeMs: costMs,
          costMs,
        })
      })
    })
  }
}

import type { Clock } from '../../../models/async/clock.ts'
import { SpillwayError } from '../../../models/core/index.ts'
import type { Lane } from '../lane-client/lane.ts'
import type { Batch, BatchResult } from '../scheduler/lanes.ts'
import type { SessionSpec } from '../scheduler/work.ts'
import type { LaneHolder, LeasedLane } from './lane-holder.ts'
import { load, ScaledLanes, type ScaledLanesOptions } from './scaled-lanes.ts'

/** The lanes of one backend: chooses one for each batch, and runs the batch in it. */
export class LaneGroup {
  readonly #lanes: ScaledLanes
  readonly #clock: Clock

  constructor(options: ScaledLanesOptions) {
    this.#lanes = new ScaledLanes(options)
    this.#clock = options.clock
  }

  get holders(): readonly LaneHolder[] {
    return this.#lanes.holders
  }

  /** Also those that take no more work and have not ended yet. */
  get allHolders(): readonly LaneHolder[] {
    return this.#lanes.allHolders
  }

  /** Whether some lane has the session loaded. Each request of a model on two backends asks. */
  has(session: string): boolean {
    for (const holder of this.holders) if (holder.has(session)) return true
    return false
  }

  /** Lanes that share a session's batches: one at least. */
  count(session: string): number {
    return Math.max(
      1,
      count(this.holders, (holder) => holder.has(session)),
    )
  }

  /**
   * Lanes that would take a batch of the session now: those that have it, or any where none has it. Each request to a server
   * asks.
   */
  free(session: string): number {
    let [having, free] = [0, 0]
    for (const holder of this.holders) {
      if (!holder.has(session)) continue
      having++
      if (holder.isFree) free++
    }
    if (having > 0) return free
    if (this.holders.some((holder) => holder.isLoading(session))) return 0
    return this.holders.some(({ isFree }) => isFree) ? 1 : 0
  }

  async run(spec: SessionSpec, batch: Batch): Promise<BatchResult> {
    const holder = this.#choose(spec.key)
    const { isReplay, withinMs } = batch
    // A lane that has the session is sent the batch in this turn. After a death it has to answer first.
    const lease =
      (isReplay ? undefined : holder.lease(spec.key, 'job')) ?? (await holder.load(spec, isReplay, withinMs))
    let result: BatchResult
    try {
      result = await this.#runIn(lease.lane, spec, batch)
    } finally {
      lease.release()
    }
    this.#lanes.adapt(spec)
    return result
  }

  async prepare(spec: SessionSpec): Promise<void> {
    await load(this.#choose(spec.key), spec)
  }

  /** For work beside jobs. */
  lease(session: string): LeasedLane | undefined {
    return this.holders.find((holder) => holder.has(session))?.lease(session, 'shared')
  }

  /** Starts the first lane ahead of the first session. A failure is reported to the request that needs the lane. */
  prestart(): void {
    const [first] = this.holders
    if (first?.isFree && first.state === 'down') this.#lanes.inBackground(load(first))
  }

  close(reason: SpillwayError): void {
    this.#lanes.close(reason)
  }

  async #runIn(lane: Lane, spec: SessionSpec, batch: Batch): Promise<BatchResult> {
    if (batch.signal?.aborted) throw new SpillwayError('aborted', 'Every caller of the batch has left')
    const { key, backend, variant } = spec
    const { outputs: names } = batch
    const startedAt = this.#clock.now()
    const wasFull = this.#lanes.isFull
    const inputs = batch.pack(lane.copiesMessages)
    const packMs = this.#clock.now() - startedAt
    const { outputs, inputMs, computeMs, outputMs, laneMs } = await lane.run(
      {
        session: key,
        inputs,
        ...(batch.isShared && { isShared: true }),
        ...(names && { outputs: names }),
      },
      batch.withinMs,
      batch.isOpenEnded,
    )
    this.#lanes.observe(key, batch, this.#clock.now() - startedAt, wasFull)
    return {
      outputs,
      executedOn: { backend, variant },
      startedAt,
      waitedMs: 0,
      inputMs: packMs + inputMs,
      computeMs,
      outputMs,
      costMs: laneMs,
    }
  }

  /**
   * A free lane that has the session, best one without texts, which would slow the run and be slowed by it; else one that may
   * start now, where its death would cost the least.
   */
  #choose(session: string): LaneHolder {
    const free = this.holders.filter(({ isFree }) => isFree)
    const having =
      free.find((holder) => holder.has(session) && !holder.isShared) ??
      free.find((holder) => holder.has(session))
    const [best] = free.sort(
      (one, other) =>
        Number(one.isBackingOff) - Number(other.isBackingOff) ||
        Number(one.isShared) - Number(other.isShared) ||
        one.sessions.size - other.sessions.size,
    )
    const chosen = having ?? best
    if (chosen) return chosen
    throw new SpillwayError('internal', 'No lane is free')
  }
}

const count = <T>(items: readonly T[], counts: (item: T) => boolean): number =>
  items.reduce((sum, item) => sum + (counts(item) ? 1 : 0), 0)

import type { Clock } from '../../../models/async/clock.ts'
import { SpillwayError } from '../../../models/core/index.ts'
import type { Lane } from '../lane-client/lane.ts'
import type { Batch, BatchResult } from '../scheduler/lanes.ts'
import type { SessionSpec } from '../scheduler/work.ts'
import { Autoscaler, type Need, UnmetDemand } from './lane-autoscaler.ts'
import { LaneHolder, type LeasedLane } from './lane-holder.ts'
import type { Layout } from './lane-layout.ts'
import type { ReserveMemory } from './lane-sessions.ts'
import type { LoadHistory } from './load-history.ts'

export interface LaneGroupOptions {
  readonly name: string
  readonly layouts: readonly Layout[]
  readonly startLane: (name: string) => Lane
  readonly clock: Clock
  readonly reserveMemory: ReserveMemory
  readonly history: LoadHistory
  /** Whether so many further copies of a session fit without evicting another. */
  readonly fitsMemory: (spec: SessionSpec, copies: number) => boolean
  /** Called at the end of each lease. */
  readonly onIdle: () => void
  /** Called when work in the background ended, which kept a lane busy. */
  readonly onFree: () => void
}

/** Milliseconds of one run that are worth sharing with another lane, even where no other request waits. */
const longRunMs = 16

/** Milliseconds of unmet demand below which no lane is added, however cheap it is. */
const leastUnmetMs = 250

/** Milliseconds between two checks of the layout while demand is met: a check is noticeable beside a small run. */
const checkPauseMs = 50

/** Milliseconds between checks whether the lanes are still needed, while no request comes. */
const idleCheckMs = 10_000

/** The lanes of one backend: as many as pay, each with the sessions that are needed in it. */
export class LaneGroup {
  readonly #options: LaneGroupOptions
  readonly #autoscaler: Autoscaler
  readonly #unmetDemands = new Map<string, UnmetDemand>()
  #holders: readonly LaneHolder[]
  #created = 0
  #isChangingLayout = false
  #nextCheckAt = 0
  #isClosed = false
  #cancelIdleCheck: (() => void) | undefined

  constructor(options: LaneGroupOptions) {
    this.#options = options
    this.#autoscaler = new Autoscaler(options.layouts)
    const { layout } = this.#autoscaler
    this.#holders = Array.from({ length: layout.lanes }, () => this.#createHolder(layout))
  }

  get holders(): readonly LaneHolder[] {
    return this.#holders
  }

  /** Whether some lane has the session loaded. Each request of a model on two backends asks. */
  has(session: string): boolean {
    for (const holder of this.#holders) if (holder.has(session)) return true
    return false
  }

  /** Lanes that share a session's batches: one at least. */
  count(session: string): number {
    return Math.max(
      1,
      count(this.#holders, (holder) => holder.has(session)),
    )
  }

  /** Lanes that would take a batch of the session now: those that have it, or any where none has it. */
  free(session: string): number {
    const having = this.#holders.filter((holder) => holder.has(session))
    if (having.length > 0) return count(having, ({ isFree }) => isFree)
    if (this.#holders.some((holder) => holder.isLoading(session))) return 0
    return this.#holders.some(({ isFree }) => isFree) ? 1 : 0
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
    this.#adapt(spec)
    return result
  }

  async prepare(spec: SessionSpec): Promise<void> {
    await load(this.#choose(spec.key), spec)
  }

  /** For work beside jobs. */
  lease(session: string): LeasedLane | undefined {
    return this.#holders.find((holder) => holder.has(session))?.lease(session, 'shared')
  }

  /** Starts the first lane ahead of the first session. A failure is reported to the request that needs the lane. */
  prestart(): void {
    const [first] = this.#holders
    if (first?.isFree && first.state === 'down') this.#inBackground(load(first))
  }

  close(reason: SpillwayError): void {
    this.#isClosed = true
    this.#cancelIdleCheck?.()
    for (const holder of this.#holders) holder.close(reason)
  }

  async #runIn(lane: Lane, spec: SessionSpec, batch: Batch): Promise<BatchResult> {
    if (batch.signal?.aborted) throw new SpillwayError('aborted', 'Every caller of the batch has left')
    const { clock } = this.#options
    const { key, backend, variant } = spec
    const { outputs: names } = batch
    const startedAt = clock.now()
    const wasFull = this.#isFull()
    const { outputs, computeMs, laneMs } = await lane.run(
      {
        session: key,
        inputs: batch.pack(),
        ...(batch.isShared && { isShared: true }),
        ...(names && { outputs: names }),
      },
      batch.withinMs,
      batch.isOpenEnded,
    )
    this.#observe(key, batch, clock.now() - startedAt, wasFull)
    return { outputs, executedOn: { backend, variant }, startedAt, waitedMs: 0, computeMs, costMs: laneMs }
  }

  /** A free lane that has the session; else one that may start now, where its death would cost the least. */
  #choose(session: string): LaneHolder {
    const free = this.#holders.filter(({ isFree }) => isFree)
    const having = free.find((holder) => holder.has(session))
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

  #isFull(): boolean {
    return this.#holders.every(({ isBusy }) => isBusy)
  }

  /**
   * Records a run's throughput, and the demand that one more lane would have met. Both are on the host's clock: what lies
   * between host and lane limits what lanes bring, and a further lane shares it. A page that answers late may try one
   * lane too many: the autoscaler keeps it only if it was measured to be faster.
   */
  #observe(session: string, batch: Batch, ms: number, wasFull: boolean): void {
    const { clock } = this.#options
    const { rows } = batch
    const isUnmet = batch.waiting() > 0 || (rows > 1 && ms >= longRunMs)
    if (!isUnmet || this.#isChangingLayout) return
    const having = this.#holders.filter((holder) => holder.has(session))
    if (!having.every(({ isBusy }) => isBusy)) return
    this.#unmetDemandOf(session).add(ms / having.length, clock.now())
    if (wasFull && this.#isFull()) this.#autoscaler.observe({ session, rows, ms }, clock.now())
  }

  /** Loads a session with unmet demand into one more lane, or changes the layout where that pays. */
  #adapt(spec: SessionSpec): void {
    if (this.#isChangingLayout || this.#isClosed) return
    const now = this.#options.clock.now()
    const { key } = spec
    const unmetMs = this.#unmetDemandOf(key).at(now)
    if (unmetMs < leastUnmetMs && (this.#autoscaler.isLowest || now < this.#nextCheckAt)) return
    this.#nextCheckAt = now + checkPauseMs
    const loadMs = Math.max(0, ...this.#holders.map(({ sessions }) => sessions.get(key)?.loadMs ?? 0))
    const other = this.#holders.find(
      (holder) => holder.isFree && !holder.isBackingOff && !holder.sessions.has(key),
    )
    if (other) {
      if (unmetMs < Math.max(leastUnmetMs, loadMs) || !this.#options.fitsMemory(spec, 1)) return
      this.#unmetDemandOf(key).reset()
      this.#inBackground(load(other, spec))
      return
    }
    const startMs = Math.max(...this.#holders.map((holder) => holder.startMs))
    const costMs = Math.max(leastUnmetMs, startMs + loadMs)
    const fits = this.#options.fitsMemory(spec, this.#holders.length)
    const need: Need = { session: key, unmetMs: fits ? unmetMs : 0, costMs }
    const next = this.#autoscaler.next(now, need)
    if (next) this.#inBackground(this.#changeLayout(next, spec, need))
  }

  /** New lanes start and load the session before the lanes that have no place in the layout are drained. */
  async #changeLayout(layout: Layout, spec: SessionSpec | undefined, need?: Need): Promise<void> {
    const { clock } = this.#options
    this.#isChangingLayout = true
    const kept = this.#holders
      .filter(({ threads }) => threads === layout.threads)
      .sort(
        (one, other) =>
          Number(other.isShared) - Number(one.isShared) || other.sessions.size - one.sessions.size,
      )
      .slice(0, layout.lanes)
    const added = Array.from({ length: layout.lanes - kept.length }, () => this.#createHolder(layout))
    this.#holders = [...this.#holders, ...added]
    try {
      await Promise.all(added.map((holder) => load(holder, spec)))
      this.#autoscaler.applied(layout, clock.now(), need)
      this.#drain(this.#holders.filter((holder) => !kept.includes(holder) && !added.includes(holder)))
      for (const unmetDemand of this.#unmetDemands.values()) unmetDemand.reset()
    } catch {
      this.#drain(added)
      this.#autoscaler.failed(clock.now())
    } finally {
      this.#isChangingLayout = false
      this.#planIdleCheck()
    }
  }

  #drain(holders: readonly LaneHolder[]): void {
    this.#holders = this.#holders.filter((holder) => !holders.includes(holder))
    for (const holder of holders) holder.drain()
  }

  /** Lanes that are no longer needed are given back even where no request triggers a check. */
  #planIdleCheck(): void {
    if (this.#cancelIdleCheck || this.#isClosed || this.#autoscaler.isLowest) return
    this.#cancelIdleCheck = this.#options.clock.after(idleCheckMs, () => {
      this.#cancelIdleCheck = undefined
      const next = this.#isChangingLayout ? undefined : this.#autoscaler.next(this.#options.clock.now())
      if (next) this.#inBackground(this.#changeLayout(next, this.#lastUsed()))
      else this.#planIdleCheck()
    })
  }

  #lastUsed(): SessionSpec | undefined {
    const sessions = this.#holders.flatMap((holder) => [...holder.sessions.values()])
    return sessions.sort((one, other) => other.usedAt - one.usedAt)[0]?.spec
  }

  /** No caller waits for it. Where it fails, the next request that needs it fails with the same error. */
  #inBackground(work: Promise<void>): void {
    work.catch(() => undefined).finally(() => this.#options.onFree())
  }

  #unmetDemandOf(session: string): UnmetDemand {
    let unmetDemand = this.#unmetDemands.get(session)
    if (!unmetDemand) {
      unmetDemand = new UnmetDemand()
      this.#unmetDemands.set(session, unmetDemand)
    }
    return unmetDemand
  }

  #createHolder({ threads }: Layout): LaneHolder {
    const { name, startLane, clock, reserveMemory, history, onIdle } = this.#options
    return new LaneHolder({
      name: `${name}-${this.#created++}`,
      threads,
      startLane,
      clock,
      reserveMemory,
      history,
      onIdle,
    })
  }
}

async function load(holder: LaneHolder, spec?: SessionSpec): Promise<void> {
  const lease = await holder.load(spec)
  lease.release()
}

const count = <T>(items: readonly T[], counts: (item: T) => boolean): number =>
  items.reduce((sum, item) => sum + (counts(item) ? 1 : 0), 0)

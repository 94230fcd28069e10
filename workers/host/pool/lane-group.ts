import type { Clock } from '../../../models/async/clock.ts'
import { SpillwayError } from '../../../models/core/index.ts'
import type { Lane } from '../lane-client/lane.ts'
import type { Batch, BatchResult } from '../scheduler/lanes.ts'
import type { SessionSpec } from '../scheduler/work.ts'
import { Autoscaler, type Need } from './autoscaler.ts'
import { LaneHolder, type LaneHolderOptions, type LeasedLane } from './lane-holder.ts'
import type { Layout } from './layout.ts'
import { UnmetDemand } from './unmet-demand.ts'

export interface LaneGroupOptions {
  readonly name: string
  readonly layouts: readonly Layout[]
  readonly startLane: (name: string) => Lane
  readonly clock: Clock
  readonly makeRoom: LaneHolderOptions['makeRoom']
  readonly onIdle: () => void
  /** Whether so many further copies of a session fit without another's leaving. */
  readonly hasRoom: (session: SessionSpec, copies: number) => boolean
  readonly onFree: () => void
}

/** Milliseconds of one run that are worth sharing with another lane, though nothing else waits. */
const longRunMs = 16

/** Nothing shorter is a reason for a lane, however cheap it is. */
const leastShortMs = 250

/** Milliseconds between two looks at whether the lanes pay, while none is short: a look costs a small run something. */
const restMs = 50

/** Milliseconds between looks at whether lanes are still needed. */
const checkMs = 10_000

/** The lanes of one backend: as many as pay, each with the sessions that are needed in it. */
export class LaneGroup {
  readonly #options: LaneGroupOptions
  readonly #autoscaler: Autoscaler
  readonly #unmetDemands = new Map<string, UnmetDemand>()
  #slots: LaneHolder[] = []
  #named = 0
  #moving = false
  #restsUntil = 0
  #closed = false
  #cancelCheck: (() => void) | undefined

  constructor(options: LaneGroupOptions) {
    this.#options = options
    this.#autoscaler = new Autoscaler(options.layouts)
    const { layout } = this.#autoscaler
    this.#slots = Array.from({ length: layout.lanes }, () => this.#createSlot(layout))
  }

  get slots(): readonly LaneHolder[] {
    return this.#slots
  }

  /** Lanes that share a session's batches. */
  count(session: string): number {
    return Math.max(
      1,
      count(this.#slots, (slot) => slot.has(session)),
    )
  }

  /** Lanes that would take a batch of the session now: those that have it, or any where none has it. */
  free(session: string): number {
    const holders = this.#slots.filter((slot) => slot.has(session))
    if (holders.length > 0) return count(holders, ({ isFree }) => isFree)
    if (this.#slots.some((slot) => slot.isLoading(session))) return 0
    return this.#slots.some(({ isFree }) => isFree) ? 1 : 0
  }

  async run(source: SessionSpec, batch: Batch): Promise<BatchResult> {
    const { clock } = this.#options
    const { key, backend, variant } = source
    const perform = async (lane: Lane): Promise<BatchResult> => {
      if (batch.signal?.aborted) throw new SpillwayError('aborted', 'Every caller has gone')
      const startedAt = clock.now()
      const isFull = this.#isFull()
      const { outputs, computeMs } = await lane.run({ session: key, inputs: batch.pack() })
      this.#observe(source, batch, clock.now() - startedAt, isFull)
      return { outputs, executedOn: { backend, variant }, startedAt, waitedMs: 0, computeMs }
    }
    const answer = await this.#choose(key).use(source, perform, batch.isReplay)
    this.#adapt(source)
    return answer
  }

  async prepare(source: SessionSpec): Promise<void> {
    await this.#choose(source.key).use(source, () => Promise.resolve())
  }

  lease(session: string): LeasedLane | undefined {
    return this.#slots.find((slot) => slot.has(session))?.lease(session)
  }

  /** Starts the first lane ahead of the first session. Why it did not start is told to who needs it. */
  prestart(): void {
    const [first] = this.#slots
    if (first?.isFree && first.state === 'down')
      this.#inBackground(first.use(undefined, () => Promise.resolve()))
  }

  close(reason: SpillwayError): void {
    this.#closed = true
    this.#cancelCheck?.()
    for (const slot of this.#slots) slot.close(reason)
  }

  /** One that has the session; else, of those that may have it, one that need not rest, with the fewest sessions. */
  #choose(session: string): LaneHolder {
    const free = this.#slots.filter(({ isFree }) => isFree)
    const holder = free.find((slot) => slot.has(session))
    const [best] = free.sort(
      (one, other) =>
        Number(one.isBackingOff) - Number(other.isBackingOff) || one.held.size - other.held.size,
    )
    const slot = holder ?? best
    if (slot) return slot
    throw new SpillwayError('internal', 'No lane is free')
  }

  #isFull(): boolean {
    return this.#slots.every(({ isBusy }) => isBusy)
  }

  /** Notes what a run shows of the throughput, and of what one more lane would have shared. */
  #observe({ key }: SessionSpec, batch: Batch, ms: number, wasFull: boolean): void {
    const { clock } = this.#options
    const { rows } = batch
    const isShort = batch.waiting() > 0 || (rows > 1 && ms >= longRunMs)
    if (!isShort || this.#moving) return
    const holders = this.#slots.filter((slot) => slot.has(key))
    if (!holders.every(({ isBusy }) => isBusy)) return
    this.#unmetDemandOf(key).add(ms / holders.length, clock.now())
    if (wasFull && this.#isFull()) this.#autoscaler.observe({ session: key, rows, ms }, clock.now())
  }

  /** Loads a session that is short into one more lane, or changes the lanes where that pays. */
  #adapt(source: SessionSpec): void {
    if (this.#moving || this.#closed) return
    const now = this.#options.clock.now()
    const { key } = source
    const shortMs = this.#unmetDemandOf(key).at(now)
    if (shortMs < leastShortMs && (this.#autoscaler.isLowest || now < this.#restsUntil)) return
    this.#restsUntil = now + restMs
    const loadMs = Math.max(0, ...this.#slots.map((slot) => slot.held.get(key)?.loadMs ?? 0))
    const other = this.#slots.find((slot) => slot.isFree && !slot.isBackingOff && !slot.held.has(key))
    if (other) {
      if (shortMs < Math.max(leastShortMs, loadMs) || !this.#options.hasRoom(source, 1)) return
      this.#unmetDemandOf(key).reset()
      this.#inBackground(other.use(source, () => Promise.resolve()))
      return
    }
    const startMs = Math.max(...this.#slots.map((slot) => slot.startMs))
    const costMs = Math.max(leastShortMs, startMs + loadMs)
    const hasRoom = this.#options.hasRoom(source, this.#slots.length)
    const need: Need = { session: key, shortMs: hasRoom ? shortMs : 0, costMs }
    const next = this.#autoscaler.next(now, need)
    if (next) this.#inBackground(this.#moveTo(next, source, need))
  }

  /** Goes to another layout: its lanes are there, with the session, before those that it has no place for leave. */
  async #moveTo(layout: Layout, source: SessionSpec | undefined, need?: Need): Promise<void> {
    const { clock } = this.#options
    this.#moving = true
    const fitting = this.#slots.filter(({ threads }) => threads === layout.threads)
    const kept = [...fitting]
      .sort((one, other) => Number(other.isLeased) - Number(one.isLeased) || other.held.size - one.held.size)
      .slice(0, layout.lanes)
    const added = Array.from({ length: layout.lanes - kept.length }, () => this.#createSlot(layout))
    this.#slots.push(...added)
    try {
      await Promise.all(added.map((slot) => slot.use(source, () => Promise.resolve())))
      this.#autoscaler.arrived(layout, clock.now(), need)
      this.#drop(this.#slots.filter((slot) => !kept.includes(slot) && !added.includes(slot)))
      for (const unmetDemand of this.#unmetDemands.values()) unmetDemand.reset()
    } catch {
      this.#drop(added)
      this.#autoscaler.failed(clock.now())
    } finally {
      this.#moving = false
      this.#planCheck()
    }
  }

  #drop(slots: readonly LaneHolder[]): void {
    this.#slots = this.#slots.filter((slot) => !slots.includes(slot))
    for (const slot of slots) slot.drain()
  }

  /** Lanes that nothing needs any more are given back though no request comes to notice it. */
  #planCheck(): void {
    if (this.#cancelCheck || this.#closed || this.#autoscaler.isLowest) return
    this.#cancelCheck = this.#options.clock.after(checkMs, () => {
      this.#cancelCheck = undefined
      const next = this.#moving ? undefined : this.#autoscaler.next(this.#options.clock.now())
      if (next) this.#inBackground(this.#moveTo(next, this.#lastUsed()))
      else this.#planCheck()
    })
  }

  #lastUsed(): SessionSpec | undefined {
    const held = this.#slots.flatMap((slot) => [...slot.held.values()])
    return held.sort((one, other) => other.usedAt - one.usedAt)[0]?.source
  }

  /** Nobody waits for it; what fails in it fails again, and is told, when a request needs it. */
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

  #createSlot({ threads }: Layout): LaneHolder {
    const { name, startLane, clock, makeRoom, onIdle } = this.#options
    return new LaneHolder({ name: `${name}-${this.#named++}`, threads, startLane, clock, makeRoom, onIdle })
  }
}

const count = <T>(items: readonly T[], counts: (item: T) => boolean): number =>
  items.reduce((sum, item) => sum + (counts(item) ? 1 : 0), 0)

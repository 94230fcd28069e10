import type { Clock } from '../../../models/async/clock.ts'
import type { SpillwayError } from '../../../models/core/index.ts'
import type { Lane } from '../lane-client/lane.ts'
import type { Batch } from '../scheduler/lanes.ts'
import type { SessionSpec } from '../scheduler/work.ts'
import { type DeviceUse, eachDeviceFirst, leastUsed } from './devices.ts'
import { Autoscaler, type Need, UnmetDemand } from './lane-autoscaler.ts'
import { LaneHolder } from './lane-holder.ts'
import type { Layout } from './lane-layout.ts'
import type { ReserveMemory } from './lane-sessions.ts'
import type { LoadHistory } from './load-history.ts'

export interface ScaledLanesOptions {
  readonly name: string
  readonly layouts: readonly Layout[]
  /** The devices over which the lanes are spread; none where they are not named. */
  readonly devices?: readonly string[]
  readonly deviceUse?: ((device: string) => DeviceUse) | undefined
  readonly startLane: (name: string, device: string | undefined) => Lane
  readonly clock: Clock
  readonly reserveMemory: (
    spec: SessionSpec,
    device: string | undefined,
    reserve: () => void,
  ) => ReturnType<ReserveMemory>
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

/** As many lanes as pay, each with the sessions that are needed in it. They follow the runs that are reported. */
export class ScaledLanes {
  readonly #options: ScaledLanesOptions
  readonly #autoscaler: Autoscaler
  readonly #unmetDemands = new Map<string, UnmetDemand>()
  #holders: readonly LaneHolder[]
  /** Without a place in the layout, until their last lease is released. */
  #drained: readonly LaneHolder[] = []
  #created = 0
  #isChangingLayout = false
  #nextCheckAt = 0
  #isClosed = false
  #cancelIdleCheck: (() => void) | undefined

  constructor(options: ScaledLanesOptions) {
    this.#options = options
    this.#autoscaler = new Autoscaler(options.layouts)
    this.#holders = this.#createHolders(this.#autoscaler.layout, [])
  }

  get holders(): readonly LaneHolder[] {
    return this.#holders
  }

  /** Also those that take no more work and have not ended yet. */
  get allHolders(): readonly LaneHolder[] {
    return this.#drained.length === 0 ? this.#holders : [...this.#holders, ...this.#drained.filter(isOpen)]
  }

  /** Whether no lane takes a job. */
  get isFull(): boolean {
    return this.#holders.every(({ isBusy }) => isBusy)
  }

  /**
   * Records a run's throughput, and the demand that one more lane would have met. Both are on the host's clock: what lies
   * between host and lane limits what lanes bring, and a further lane shares it. A page that answers late may try one
   * lane too many: the autoscaler keeps it only if it was measured to be faster.
   */
  observe(session: string, batch: Batch, ms: number, wasFull: boolean): void {
    const { clock } = this.#options
    const { rows } = batch
    const isUnmet = batch.waiting() > 0 || (rows > 1 && ms >= longRunMs)
    if (!isUnmet || this.#isChangingLayout) return
    const having = this.#holders.filter((holder) => holder.has(session))
    if (!having.every(({ isBusy }) => isBusy)) return
    this.#unmetDemandOf(session).add(ms / having.length, clock.now())
    if (wasFull && this.isFull) this.#autoscaler.observe({ session, rows, ms }, clock.now())
  }

  /** Loads a session with unmet demand into one more lane, or changes the layout where that pays. */
  adapt(spec: SessionSpec): void {
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
      this.inBackground(load(other, spec))
      return
    }
    const startMs = Math.max(...this.#holders.map((holder) => holder.startMs))
    const costMs = Math.max(leastUnmetMs, startMs + loadMs)
    const fits = this.#options.fitsMemory(spec, this.#holders.length)
    const need: Need = { session: key, unmetMs: fits ? unmetMs : 0, costMs }
    const next = this.#autoscaler.next(now, need)
    if (next) this.inBackground(this.#changeLayout(next, spec, need))
  }

  /** No caller waits for it. Where it fails, the next request that needs it fails with the same error. */
  inBackground(work: Promise<void>): void {
    work.catch(() => undefined).finally(() => this.#options.onFree())
  }

  close(reason: SpillwayError): void {
    this.#isClosed = true
    this.#cancelIdleCheck?.()
    for (const holder of this.allHolders) holder.close(reason)
  }

  /** New lanes start and load the session before the lanes that have no place in the layout are drained. */
  async #changeLayout(layout: Layout, spec: SessionSpec | undefined, need?: Need): Promise<void> {
    const { clock } = this.#options
    this.#isChangingLayout = true
    const candidates = this.#holders
      .filter(({ threads }) => threads === layout.threads)
      .sort(
        (one, other) =>
          Number(other.isShared) - Number(one.isShared) || other.sessions.size - one.sessions.size,
      )
    const kept = eachDeviceFirst(candidates).slice(0, layout.lanes)
    const added = this.#createHolders(layout, kept)
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
    this.#drained = [...this.#drained, ...holders].filter(isOpen)
  }

  /** Lanes that are no longer needed are given back even where no request triggers a check. */
  #planIdleCheck(): void {
    if (this.#cancelIdleCheck || this.#isClosed || this.#autoscaler.isLowest) return
    this.#cancelIdleCheck = this.#options.clock.after(idleCheckMs, () => {
      this.#cancelIdleCheck = undefined
      const next = this.#isChangingLayout ? undefined : this.#autoscaler.next(this.#options.clock.now())
      if (next) this.inBackground(this.#changeLayout(next, this.#lastUsed()))
      else this.#planIdleCheck()
    })
  }

  #lastUsed(): SessionSpec | undefined {
    const sessions = this.#holders.flatMap((holder) => [...holder.sessions.values()])
    return sessions.sort((one, other) => other.usedAt - one.usedAt)[0]?.spec
  }

  #unmetDemandOf(session: string): UnmetDemand {
    let unmetDemand = this.#unmetDemands.get(session)
    if (!unmetDemand) {
      unmetDemand = new UnmetDemand()
      this.#unmetDemands.set(session, unmetDemand)
    }
    return unmetDemand
  }

  /** As many as the layout has besides those that are kept, each on the device that has the fewest. */
  #createHolders({ lanes, threads }: Layout, kept: readonly LaneHolder[]): LaneHolder[] {
    const { devices = [] } = this.#options
    const added: LaneHolder[] = []
    while (kept.length + added.length < lanes)
      added.push(this.#createHolder(threads, leastUsed(devices, [...kept, ...added])))
    return added
  }

  #createHolder(threads: number, device: string | undefined): LaneHolder {
    const { name, startLane, clock, reserveMemory, history, onIdle, deviceUse } = this.#options
    return new LaneHolder({
      name: `${name}-${this.#created++}`,
      threads,
      device,
      ...(deviceUse && device !== undefined && { deviceUse: () => deviceUse(device) }),
      startLane: (lane) => startLane(lane, device),
      clock,
      reserveMemory: (spec, reserve) => reserveMemory(spec, device, reserve),
      history,
      onIdle,
    })
  }
}

const isOpen = ({ isClosed }: LaneHolder) => !isClosed

/** Loads a session into a lane, or only starts the lane. */
export async function load(holder: LaneHolder, spec?: SessionSpec): Promise<void> {
  const lease = await holder.load(spec)
  lease.release()
}

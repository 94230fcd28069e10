import type { Clock } from '../../../models/async/clock.ts'
import { type Backend, SpillwayError } from '../../../models/core/index.ts'
import type { Lane } from '../lane-client/lane.ts'
import type { Batch, BatchResult, Lanes } from '../scheduler/lanes.ts'
import type { SessionSpec } from '../scheduler/work.ts'
import type { DeviceUse } from './devices.ts'
import { LaneGroup } from './lane-group.ts'
import type { LaneHolder, LaneState, LeasedLane } from './lane-holder.ts'
import type { Layout } from './lane-layout.ts'
import { LoadHistory, type ReportLoss } from './load-history.ts'
import { type Resident, selectEvictions } from './session-eviction.ts'

export interface PoolOptions {
  /** The layouts that a backend's lanes may have, as steps from the first one up. */
  readonly layouts: (backend: Backend) => readonly Layout[]
  /** Bytes that all sessions in all lanes may take. */
  readonly memoryBudget: number
  readonly startLane: (name: string, place: LanePlace) => Lane
  /** The devices of a backend, over which its lanes are spread. Default: one, which is not named. */
  readonly devices?: ((backend: Backend) => readonly string[]) | undefined
  /** Bytes that all sessions on one named device may take. */
  readonly deviceMemory?: number | undefined
  /** Whether lanes on a named device may be started. Default: always. */
  readonly deviceUse?: (device: string) => DeviceUse
  readonly clock: Clock
  /** Called when the load of a session has cost a lane. */
  readonly onLoss?: ReportLoss
}

/** What a lane is for. */
export interface LanePlace {
  readonly backend: Backend
  /** Undefined where devices are not named. */
  readonly device: string | undefined
}

/** The lanes of a tier, and the memory that models take in them. */
export interface PoolStats {
  readonly lanes: readonly LaneStats[]
  readonly memory: { readonly usedBytes: number; readonly budgetBytes: number }
}

/** What one lane is doing. */
export interface LaneStats {
  readonly name: string
  readonly backend: Backend
  readonly device: string | undefined
  readonly threads: number
  readonly state: LaneState
  /** The sessions in it, each named by model, version, variant and backend. */
  readonly sessions: readonly { readonly session: string; readonly memoryBytes: number }[]
}

/**
 * A group of lanes for each backend. Lanes start when they are needed and are replaced when they die; there are more of
 * them while that pays. Sessions are loaded into them within one memory budget. Requests do not wait here, but in the
 * scheduler.
 */
export class Pool implements Lanes<SessionSpec> {
  readonly #options: PoolOptions
  readonly #groups = new Map<Backend, LaneGroup>()
  /** Loads that wait for memory that is in use. */
  readonly #waitingForMemory: (() => void)[] = []
  readonly #history: LoadHistory
  #onFree: () => void = () => {}
  #closed: SpillwayError | undefined

  constructor(options: PoolOptions) {
    this.#options = options
    this.#history = new LoadHistory(options.clock, options.onLoss ?? (() => {}))
  }

  count({ key, backend }: SessionSpec): number {
    return this.#groupOf(backend).count(key)
  }

  free({ key, backend }: SessionSpec): number {
    return this.#groupOf(backend).free(key)
  }

  shared(one: SessionSpec, other: SessionSpec): boolean {
    return one.backend === other.backend
  }

  onFree(callback: () => void): void {
    this.#onFree = callback
  }

  /** Whether some lane has the session loaded. */
  has({ key, backend }: SessionSpec): boolean {
    return this.#groups.get(backend)?.has(key) ?? false
  }

  /** Whether a session fits beside those that are loaded. */
  fits({ memory }: SessionSpec): boolean {
    return this.#usedBytes() + memory <= this.#options.memoryBudget
  }

  /** Whether a lane runs the session now, or keeps it for work beside runs. */
  isUsing({ key, backend }: SessionSpec): boolean {
    return this.#groups.get(backend)?.allHolders.some((holder) => holder.isUsing(key)) ?? false
  }

  /** Unloads a session where it is not in use. */
  async unload({ key, backend }: SessionSpec): Promise<void> {
    const holders = this.#groups.get(backend)?.allHolders.filter((holder) => !holder.isUsing(key)) ?? []
    await Promise.all(holders.map((holder) => holder.unload(key)))
  }

  /** Whether the session may run on made-up inputs: no such run has cost a lane. */
  allowsWarmUp({ key }: SessionSpec): boolean {
    return this.#history.allowsWarmUp(key)
  }

  run(spec: SessionSpec, batch: Batch): Promise<BatchResult> {
    return this.#groupOf(spec.backend).run(spec, batch)
  }

  prepare(spec: SessionSpec): Promise<void> {
    return this.#groupOf(spec.backend).prepare(spec)
  }

  /** A lane that has the session, which stays there until the lease is released; nothing where no lane has it. */
  lease({ key, backend }: SessionSpec): LeasedLane | undefined {
    return this.#groups.get(backend)?.lease(key)
  }

  /** Starts a lane of the backend ahead of its first session. */
  prestart(backend: Backend): void {
    this.#groupOf(backend).prestart()
  }

  /** Milliseconds for which no lane has started although one was needed; 0 where some lane can. */
  get withoutLaneMs(): number {
    const now = this.#options.clock.now()
    const holders = [...this.#groups.values()].flatMap((group) => group.holders)
    const since = holders.map(({ failsToStartSince = now }) => now - failsToStartSince)
    return holders.length === 0 ? 0 : Math.min(...since)
  }

  stats(): PoolStats {
    const lanes = [...this.#groups].flatMap(([backend, { allHolders }]) =>
      allHolders.map(({ name, device, threads, state, sessions }) => ({
        name,
        backend,
        device,
        threads,
        state,
        sessions: [...sessions.values()].map(({ spec }) => ({ session: spec.key, memoryBytes: spec.memory })),
      })),
    )
    return { lanes, memory: { usedBytes: this.#usedBytes(), budgetBytes: this.#options.memoryBudget } }
  }

  /** @param reason The error of work in the lanes, and of later work. */
  close(reason = new SpillwayError('closed', 'The pool was closed')): void {
    this.#closed = reason
    for (const group of this.#groups.values()) group.close(reason)
  }

  #groupOf(backend: Backend): LaneGroup {
    let group = this.#groups.get(backend)
    if (!group) {
      const { layouts, startLane, clock, memoryBudget, devices, deviceUse } = this.#options
      group = new LaneGroup({
        name: backend,
        layouts: layouts(backend),
        devices: devices?.(backend) ?? [],
        deviceUse,
        startLane: (name, device) => startLane(name, { backend, device }),
        clock,
        reserveMemory: (spec, device, reserve) => this.#reserveMemory(spec, device, reserve),
        history: this.#history,
        onIdle: () => {
          for (const resolve of this.#waitingForMemory.splice(0)) resolve()
        },
        fitsMemory: ({ memory }, copies) => this.#usedBytes() + memory * copies <= memoryBudget,
        onFree: () => this.#onFree(),
      })
      this.#groups.set(backend, group)
      // Work that was under way when the pool was closed starts no lane.
      if (this.#closed) group.close(this.#closed)
    }
    return group
  }

  /**
   * Unloads other sessions until one fits, and waits for those in use. A session larger than the budget gets the memory
   * to itself: its size is an estimate.
   */
  async #reserveMemory(
    { memory }: SessionSpec,
    device: string | undefined,
    reserve: () => void,
  ): Promise<void> {
    const { memoryBudget, deviceMemory = Number.POSITIVE_INFINITY } = this.#options
    for (;;) {
      const residents = this.#residents()
      const beside = device === undefined ? [] : residents.filter(({ holder }) => holder.device === device)
      const isFull = (all: readonly Resident[], budget: number) =>
        all.length > 0 && bytesOf(all) + memory > budget
      const isDeviceFull = isFull(beside, deviceMemory)
      if (!isDeviceFull && !isFull(residents, memoryBudget)) break
      const evictions = isDeviceFull
        ? selectEvictions(beside, memory, deviceMemory)
        : selectEvictions(residents, memory, memoryBudget)
      if (evictions.length === 0) await new Promise<void>((resolve) => this.#waitingForMemory.push(resolve))
      await Promise.all(evictions.map(({ holder, session }) => holder.unload(session)))
    }
    reserve()
  }

  #usedBytes(): number {
    return bytesOf(this.#residents())
  }

  #residents(): (Resident & { readonly holder: LaneHolder })[] {
    return [...this.#groups.values()].flatMap(({ allHolders }) =>
      allHolders.flatMap((holder) =>
        [...holder.sessions.values()].map(({ spec: { key, memory }, usedAt, loadMs }) => ({
          session: key,
          memory,
          usedAt,
          isInUse: loadMs === undefined || holder.isUsing(key),
          holder,
        })),
      ),
    )
  }
}

const bytesOf = (residents: readonly Resident[]) => residents.reduce((sum, { memory }) => sum + memory, 0)

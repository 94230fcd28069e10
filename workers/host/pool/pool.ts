import type { Clock } from '../../../models/async/clock.ts'
import { type Backend, SpillwayError } from '../../../models/core/index.ts'
import type { Lane } from '../lane-client/lane.ts'
import type { Batch, BatchResult, Lanes } from '../scheduler/lanes.ts'
import type { SessionSpec } from '../scheduler/work.ts'
import { type Resident, selectEvictions } from './eviction.ts'
import { LaneGroup } from './lane-group.ts'
import type { LaneHolder, LaneState, LeasedLane } from './lane-holder.ts'
import type { Layout } from './layout.ts'

export interface PoolOptions {
  /** The layouts that a backend's lanes may climb, the one to begin with first. */
  readonly layouts: (backend: Backend) => readonly Layout[]
  /** Bytes for all sessions in all lanes. */
  readonly memoryBudget: number
  readonly startLane: (name: string) => Lane
  readonly clock: Clock
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
  readonly threads: number
  /** `down`: to be started when it is needed. */
  readonly state: LaneState
  /** What is loaded in it: model, version, variant and backend. */
  readonly sessions: readonly { readonly session: string; readonly memoryBytes: number }[]
}

/**
 * Lanes in a group for each backend: started when they are needed, replaced when they die, more of them while that pays.
 * Sessions are placed on them within a memory budget. Nothing waits here; the scheduler's requests do.
 */
export class Pool implements Lanes<SessionSpec> {
  readonly #options: PoolOptions
  readonly #groups = new Map<Backend, LaneGroup>()
  /** Who waits for memory that is in use. */
  readonly #needRoom: (() => void)[] = []
  #onFree: () => void = () => {}
  #closed: SpillwayError | undefined

  constructor(options: PoolOptions) {
    this.#options = options
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
    return this.#groups.get(backend)?.slots.some((slot) => slot.has(key)) ?? false
  }

  run(source: SessionSpec, batch: Batch): Promise<BatchResult> {
    return this.#groupOf(source.backend).run(source, batch)
  }

  prepare(source: SessionSpec): Promise<void> {
    return this.#groupOf(source.backend).prepare(source)
  }

  /** A lane that has the session loaded, which stays there while it is held; nothing where none has it. */
  lease({ key, backend }: SessionSpec): LeasedLane | undefined {
    return this.#groups.get(backend)?.lease(key)
  }

  /** Starts a lane of the backend ahead of its first session. */
  prestart(backend: Backend): void {
    this.#groupOf(backend).prestart()
  }

  stats(): PoolStats {
    const lanes = [...this.#groups].flatMap(([backend, { slots }]) =>
      slots.map(({ name, threads, state, held }) => ({
        name,
        backend,
        threads,
        state,
        sessions: [...held.values()].map(({ source }) => ({
          session: source.key,
          memoryBytes: source.memory,
        })),
      })),
    )
    return { lanes, memory: { usedBytes: this.#usedBytes(), budgetBytes: this.#options.memoryBudget } }
  }

  close(): void {
    this.#closed = new SpillwayError('closed', 'The pool was closed')
    for (const group of this.#groups.values()) group.close(this.#closed)
  }

  #groupOf(backend: Backend): LaneGroup {
    let group = this.#groups.get(backend)
    if (!group) {
      const { layouts, startLane, clock, memoryBudget } = this.#options
      group = new LaneGroup({
        name: backend,
        layouts: layouts(backend),
        startLane,
        clock,
        makeRoom: (session, reserve) => this.#makeRoom(session, reserve),
        onIdle: () => {
          for (const resolve of this.#needRoom.splice(0)) resolve()
        },
        hasRoom: ({ memory }, copies) => this.#usedBytes() + memory * copies <= memoryBudget,
        onFree: () => this.#onFree(),
      })
      this.#groups.set(backend, group)
      // Asked for by what was still going on when the pool was closed: it starts no lane.
      if (this.#closed) group.close(this.#closed)
    }
    return group
  }

  /** Unloads enough others; what is in use is waited for. One that is more than the budget has the lanes to itself. */
  async #makeRoom({ memory }: SessionSpec, reserve: () => void): Promise<void> {
    const { memoryBudget } = this.#options
    for (;;) {
      const usedBytes = this.#usedBytes()
      if (usedBytes === 0 || usedBytes + memory <= memoryBudget) break
      const leaving = selectEvictions(this.#residents(), memory, memoryBudget)
      if (leaving.length === 0) await new Promise<void>((resolve) => this.#needRoom.push(resolve))
      await Promise.all(leaving.map(({ slot, session }) => slot.unload(session)))
    }
    reserve()
  }

  #usedBytes(): number {
    return this.#residents().reduce((sum, { memory }) => sum + memory, 0)
  }

  #residents(): (Resident & { readonly slot: LaneHolder })[] {
    return [...this.#groups.values()].flatMap(({ slots }) =>
      slots.flatMap((slot) =>
        [...slot.held.values()].map(({ source: { key, memory }, usedAt, loadMs }) => ({
          session: key,
          memory,
          usedAt,
          isInUse: loadMs === undefined || slot.isUsing(key),
          slot,
        })),
      ),
    )
  }
}

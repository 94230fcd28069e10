import type { Clock } from '../../../models/async/clock.ts'
import type { Lane } from '../lane-client/lane.ts'
import type { SessionSpec } from '../scheduler/work.ts'

/** A session in a lane. */
export interface LaneSession {
  readonly spec: SessionSpec
  /** On the clock. */
  usedAt: number
  /** Milliseconds of its loading, reading its files included; absent until it is loaded. */
  loadMs: number | undefined
  /** Leases for work beside jobs: while there is one, the session stays. */
  leases: number
}

/** Waits until there is memory for a session, and calls `reserve` in the moment from which it counts as taken. */
export type ReserveMemory = (spec: SessionSpec, reserve: () => void) => Promise<void>

/** The sessions in one lane. They end with it. */
export class LaneSessions {
  readonly #clock: Clock
  readonly #reserveMemory: ReserveMemory
  readonly #sessions = new Map<string, LaneSession>()

  constructor(clock: Clock, reserveMemory: ReserveMemory) {
    this.#clock = clock
    this.#reserveMemory = reserveMemory
  }

  /** By key; those that are being loaded included. */
  get all(): ReadonlyMap<string, LaneSession> {
    return this.#sessions
  }

  /** Whether any is leased. */
  get isLeased(): boolean {
    for (const { leases } of this.#sessions.values()) if (leases > 0) return true
    return false
  }

  /** The session, where it is loaded. */
  loaded(key: string): LaneSession | undefined {
    const session = this.#sessions.get(key)
    return session?.loadMs === undefined ? undefined : session
  }

  /** @param withinMs Milliseconds for which the caller waits. */
  async load(lane: Lane, spec: SessionSpec, withinMs: number): Promise<void> {
    const begunAt = this.#clock.now()
    const session: LaneSession = { spec, usedAt: begunAt, loadMs: undefined, leases: 0 }
    try {
      await this.#reserveMemory(spec, () => this.#sessions.set(spec.key, session))
      await lane.load(await spec.request(), withinMs)
      session.usedAt = this.#clock.now()
      session.loadMs = session.usedAt - begunAt
    } catch (cause) {
      if (this.#sessions.get(spec.key) === session) this.#sessions.delete(spec.key)
      throw cause
    }
  }

  /** Keeps a session until the returned function is called. */
  lease(session: LaneSession, onRelease: () => void): () => void {
    session.leases++
    let isReleased = false
    return () => {
      // A lane that was lost took its leases along.
      if (isReleased || this.#sessions.get(session.spec.key) !== session) return
      isReleased = true
      session.leases--
      session.usedAt = this.#clock.now()
      onRelease()
    }
  }

  delete(key: string): boolean {
    return this.#sessions.delete(key)
  }

  clear(): void {
    this.#sessions.clear()
  }
}

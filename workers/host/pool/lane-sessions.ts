import type { Clock } from '../../../models/async/clock.ts'
import { SpillwayError } from '../../../models/core/index.ts'
import { isDeviceLoss, type Lane } from '../lane-client/lane.ts'
import type { SessionSpec } from '../scheduler/work.ts'
import type { LoadHistory } from './load-history.ts'

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
  readonly #history: LoadHistory
  readonly #sessions = new Map<string, LaneSession>()
  /** Lanes that have ended. */
  #ended = 0

  constructor(clock: Clock, reserveMemory: ReserveMemory, history: LoadHistory) {
    this.#clock = clock
    this.#reserveMemory = reserveMemory
    this.#history = history
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

  /**
   * Loads a session and runs it on made-up inputs.
   *
   * @param withinMs Milliseconds for which the caller waits.
   * @returns Whether it is loaded: a lane that was lost may be replaced for another attempt.
   * @throws SpillwayError `lane_failed`, or as the lane does.
   */
  async load(lane: Lane, spec: SessionSpec, withinMs: number): Promise<boolean> {
    const { key } = spec
    const ended = this.#ended
    const begunAt = this.#clock.now()
    const session: LaneSession = { spec, usedAt: begunAt, loadMs: undefined, leases: 0 }
    try {
      await this.#reserveMemory(spec, () => this.#sessions.set(key, session))
      const request = await spec.request()
      // The lane ended before it was sent anything: that is no fault of the session.
      if (this.#ended !== ended) {
        this.#forget(session)
        return false
      }
      const optimization = this.#history.optimizationOf(key)
      const sentAt = this.#clock.now()
      const isCreated = await unlessLost(lane.load({ ...request, optimization }, withinMs), (cause) =>
        this.#history.lostInLoad(spec, sentAt, cause),
      )
      const isWarm =
        isCreated &&
        (!this.#history.allowsWarmUp(key) ||
          request.generate !== undefined ||
          request.graphOptions !== undefined ||
          (await unlessLost(lane.warmUp(key), (cause) =>
            // The first work on a device that is broken already, whatever the inputs.
            isDeviceLoss(cause)
              ? this.#history.lostInLoad(spec, sentAt, cause)
              : this.#history.lostInWarmUp(key, cause),
          )))
      if (!isWarm) {
        this.#forget(session)
        return false
      }
      this.#history.loaded(key)
      session.usedAt = this.#clock.now()
      session.loadMs = session.usedAt - begunAt
      return true
    } catch (cause) {
      this.#forget(session)
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

  /** The lane has ended. */
  clear(): void {
    this.#ended++
    this.#sessions.clear()
  }

  #forget(session: LaneSession): void {
    const { key } = session.spec
    if (this.#sessions.get(key) === session) this.#sessions.delete(key)
  }
}

/** Whether the lane has done the work; `onLost` is called where it was lost. */
async function unlessLost(work: Promise<unknown>, onLost: (cause: SpillwayError) => void): Promise<boolean> {
  try {
    await work
    return true
  } catch (cause) {
    if (!(cause instanceof SpillwayError) || cause.code !== 'lane_lost') throw cause
    onLost(cause)
    return false
  }
}

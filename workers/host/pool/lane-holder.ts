import type { Clock } from '../../../models/async/clock.ts'
import { SpillwayError } from '../../../models/core/index.ts'
import type { Lane } from '../lane-client/lane.ts'
import type { SessionSpec } from '../scheduler/work.ts'
import { answers } from './answers.ts'
import type { DeviceUse } from './devices.ts'
import { type LaneSession, LaneSessions, type ReserveMemory } from './lane-sessions.ts'
import type { LoadHistory } from './load-history.ts'
import { RestartedLane } from './restarted-lane.ts'
import { tryAlone } from './try-alone.ts'

export interface LaneHolderOptions {
  readonly name: string
  /** Threads of one run. */
  readonly threads: number
  /** Undefined where devices are not named. */
  readonly device?: string | undefined
  /** Whether its device may be used. Default: always. */
  readonly deviceUse?: (() => DeviceUse) | undefined
  readonly startLane: (name: string) => Lane
  readonly clock: Clock
  readonly reserveMemory: ReserveMemory
  readonly history: LoadHistory
  /** Called at the end of each lease. */
  readonly onIdle: () => void
}

/** A lane that is lent. The holder's promise to keep the session ends with `release`, or with the lane. */
export interface LeasedLane {
  readonly lane: Lane
  /** To be called once. */
  release(): void
}

/** How far a lane is. `down`: it is started when it is needed. */
export type LaneState = 'down' | 'starting' | 'idle' | 'busy'

/**
 * The place of one lane and of its sessions. `load` brings a session into the lane, which is started where it has to be;
 * `lease` lends the lane with a session that is there. Jobs are exclusive; work beside them shares the lane.
 */
export class LaneHolder {
  readonly name: string
  readonly threads: number
  readonly #options: LaneHolderOptions
  readonly #sessions: LaneSessions
  readonly #lane: RestartedLane
  /** The session of the job at work; `start` for a job without one. */
  #job: SessionSpec | 'start' | undefined
  #isDraining = false
  #trial: Lane | undefined

  constructor(options: LaneHolderOptions) {
    this.#options = options
    this.name = options.name
    this.threads = options.threads
    const { name, threads, startLane, clock, reserveMemory, history } = options
    this.#sessions = new LaneSessions(clock, reserveMemory, history)
    this.#lane = new RestartedLane({ name, threads, startLane, clock, onEnd: () => this.#forgetSessions() })
  }

  get isBusy(): boolean {
    return this.#job !== undefined
  }

  get isClosed(): boolean {
    return this.#lane.kind === 'closed'
  }

  /** Whether it takes a job now. */
  get isFree(): boolean {
    if (this.#job !== undefined || this.#isDraining || this.isClosed) return false
    return this.#lane.ready !== undefined || this.#options.deviceUse?.() !== 'avoided'
  }

  /** When its lane first failed to start, on the clock; undefined where the last one started. */
  get failsToStartSince(): number | undefined {
    return this.#lane.failsToStartSince
  }

  get device(): string | undefined {
    return this.#options.device
  }

  /** Whether its lane died so often that the next start has to wait. */
  get isBackingOff(): boolean {
    return this.#lane.isBackingOff
  }

  /** Whether there is work beside jobs. */
  get isShared(): boolean {
    return this.#sessions.isLeased
  }

  get state(): LaneState {
    const { kind } = this.#lane
    if (kind === 'ready') return this.isBusy ? 'busy' : 'idle'
    return kind === 'starting' ? 'starting' : 'down'
  }

  /** By key; those that are being loaded included. */
  get sessions(): ReadonlyMap<string, LaneSession> {
    return this.#sessions.all
  }

  /** Milliseconds that its last lane took to start. */
  get startMs(): number {
    return this.#lane.startMs
  }

  /** Whether the session is loaded. */
  has(session: string): boolean {
    return this.#sessions.loaded(session) !== undefined
  }

  isLoading(session: string): boolean {
    return this.#isJobOf(session) && !this.has(session)
  }

  isUsing(session: string): boolean {
    return this.#isJobOf(session) || (this.#sessions.all.get(session)?.leases ?? 0) > 0
  }

  /**
   * Lends the lane with a session that is loaded: for one job, or for work that goes on beside jobs. The caller sees to
   * it that there is one job at a time.
   *
   * @returns Nothing where the session is not loaded, or the lane takes no more work.
   */
  lease(session: string, use: 'job' | 'shared'): LeasedLane | undefined {
    const lane = this.#lane.ready
    const loaded = this.#sessions.loaded(session)
    if (!lane || this.#isDraining || !loaded) return undefined
    if (use === 'shared') return { lane, release: this.#sessions.lease(loaded, this.#afterLease) }
    loaded.usedAt = this.#options.clock.now()
    this.#job = loaded.spec
    return { lane, release: this.#endJob }
  }

  /**
   * Makes a session be in the lane, and lends the lane for one job with it. The job begins with the call.
   *
   * @param spec Absent: the lane is started only.
   * @param mustAnswer Whether a lane that has the session is first asked for a sign of life.
   * @param withinMs Milliseconds for which the caller waits.
   * @throws SpillwayError `lane_failed`, `capacity_insufficient`, `closed`, or why the session could not be loaded.
   */
  async load(spec?: SessionSpec, mustAnswer = false, withinMs = 0): Promise<LeasedLane> {
    this.#job = spec ?? 'start'
    try {
      return { lane: await this.#laneWith(spec, mustAnswer, withinMs), release: this.#endJob }
    } catch (cause) {
      this.#endJob()
      throw cause
    }
  }

  /** Unloads a session that is not in use. A lane without sessions is ended: only that gives all of its memory back. */
  async unload(session: string): Promise<void> {
    const { lane } = this.#lane
    if (!this.#sessions.delete(session) || !lane) return
    if (this.#sessions.all.size === 0 && !this.isBusy) return this.#lane.discard(lane)
    // A lane that dies meanwhile has given the memory back, too.
    await lane.unload(session).catch(() => undefined)
  }

  /** Takes no more work, and ends the lane when the last lease is released. */
  drain(): void {
    this.#isDraining = true
    this.#closeIfIdle()
  }

  close(reason: SpillwayError): void {
    this.#trial?.kill(reason)
    this.#lane.close(reason)
  }

  #isJobOf(session: string): boolean {
    return this.#job !== undefined && this.#job !== 'start' && this.#job.key === session
  }

  readonly #onTrial = (lane: Lane): void => {
    this.#trial = lane
  }

  readonly #endJob = (): void => {
    this.#job = undefined
    this.#afterLease()
  }

  readonly #afterLease = (): void => {
    if (this.#isDraining) this.#closeIfIdle()
    this.#options.onIdle()
  }

  #closeIfIdle(): void {
    if (this.isBusy || this.isShared) return
    this.close(new SpillwayError('closed', 'The lane is no longer needed'))
  }

  /** A lane that is lost while it loads is replaced as long as the session's history allows. */
  async #laneWith(spec: SessionSpec | undefined, mustAnswer: boolean, withinMs: number): Promise<Lane> {
    const { history, clock } = this.#options
    if (spec && !this.has(spec.key)) {
      history.throwIfBackingOff(spec.key)
      if (history.isDangerous(spec.key)) await tryAlone(spec, this.#options, withinMs, this.#onTrial)
      this.#lane.throwIfClosed()
    }
    for (let wasDiscarded = false; ; ) {
      if (!this.#lane.ready && (this.#options.deviceUse?.() ?? 'used') !== 'used') throw brokenDevice()
      const lane = this.#lane.ready ?? (await this.#lane.start())
      if (!spec) return lane
      try {
        const loaded = this.#sessions.loaded(spec.key)
        if (loaded) loaded.usedAt = clock.now()
        const isReady = loaded
          ? !mustAnswer || (await answers(lane))
          : await this.#sessions.load(lane, spec, withinMs)
        if (isReady) return lane
        this.#lane.throwIfClosed()
        this.#lane.lose(lane)
      } catch (cause) {
        if (!(cause instanceof SpillwayError)) throw cause
        this.#lane.throwIfClosed()
        if (cause.code !== 'capacity_insufficient') throw cause
        // A lane keeps the memory that it once took: a new one has more for this session.
        const wasAlone = this.#sessions.all.size === 0
        this.#lane.discard(lane)
        if (wasAlone || wasDiscarded) throw cause
        wasDiscarded = true
      }
    }
  }

  /** Sessions and their leases end with their lane. */
  #forgetSessions(): void {
    this.#sessions.clear()
    if (this.#isDraining) this.#closeIfIdle()
    // Their memory is free, and no lease is released any more.
    this.#options.onIdle()
  }
}

const brokenDevice = () =>
  new SpillwayError('lane_failed', 'The device of the lane was lost again and again', {
    hint: 'Another device or the CPU may run the model.',
  })

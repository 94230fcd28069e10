import type { Clock } from '../../../models/async/clock.ts'
import { messageOf, SpillwayError } from '../../../models/core/index.ts'
import type { Lane } from '../lane-client/lane.ts'
import type { SessionSpec } from '../scheduler/work.ts'
import { answers } from './answers.ts'
import { type LaneSession, LaneSessions, type ReserveMemory } from './lane-sessions.ts'
import type { LoadHistory } from './load-history.ts'
import { maxStarts, RestartBackoff } from './restart-backoff.ts'
import { tryAlone } from './try-alone.ts'

export interface LaneHolderOptions {
  readonly name: string
  /** Threads of one run. */
  readonly threads: number
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

type State =
  | { readonly kind: 'down' }
  | { readonly kind: 'starting'; readonly lane: Lane }
  | { readonly kind: 'ready'; readonly lane: Lane }
  | { readonly kind: 'closed'; readonly reason: SpillwayError }

const down: State = { kind: 'down' }

/**
 * The place of one lane: starts it when it is needed, and again after its death. `load` brings a session into the lane,
 * `lease` lends the lane with a session that is there. Jobs are exclusive; work beside them shares the lane.
 */
export class LaneHolder {
  readonly name: string
  readonly threads: number
  /** When a lane first failed to start, on the clock; undefined where the last one started. */
  failsToStartSince: number | undefined
  readonly #options: LaneHolderOptions
  readonly #sessions: LaneSessions
  readonly #backoff: RestartBackoff
  #state: State = down
  /** The session of the job at work; `start` for a job without one. */
  #job: SessionSpec | 'start' | undefined
  #isDraining = false
  #trial: Lane | undefined
  #startMs = 0

  constructor(options: LaneHolderOptions) {
    this.#options = options
    this.name = options.name
    this.threads = options.threads
    const { clock, reserveMemory, history } = options
    this.#sessions = new LaneSessions(clock, reserveMemory, history)
    this.#backoff = new RestartBackoff(clock)
  }

  get isBusy(): boolean {
    return this.#job !== undefined
  }

  /** Whether it takes a job now. */
  get isFree(): boolean {
    return this.#job === undefined && !this.#isDraining && this.#state.kind !== 'closed'
  }

  /** Whether its lane died so often that the next start has to wait. */
  get isBackingOff(): boolean {
    return this.#lane === undefined && this.#backoff.waitMs > 0
  }

  /** Whether there is work beside jobs. */
  get isShared(): boolean {
    return this.#sessions.isLeased
  }

  get state(): LaneState {
    const { kind } = this.#state
    if (kind === 'ready') return this.isBusy ? 'busy' : 'idle'
    return kind === 'starting' ? 'starting' : 'down'
  }

  /** By key; those that are being loaded included. */
  get sessions(): ReadonlyMap<string, LaneSession> {
    return this.#sessions.all
  }

  /** Milliseconds that its last lane took to start. */
  get startMs(): number {
    return this.#startMs
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
    const state = this.#state
    const loaded = this.#sessions.loaded(session)
    if (state.kind !== 'ready' || this.#isDraining || !loaded) return undefined
    const { lane } = state
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
    const lane = this.#lane
    if (!this.#sessions.delete(session) || !lane) return
    if (this.#sessions.all.size === 0 && !this.isBusy) return this.#discard(lane)
    // A lane that dies meanwhile has given the memory back, too.
    await lane.unload(session).catch(() => undefined)
  }

  /** Takes no more work, and ends the lane when the last lease is released. */
  drain(): void {
    this.#isDraining = true
    this.#closeIfIdle()
  }

  close(reason: SpillwayError): void {
    if (this.#state.kind === 'closed') return
    const lane = this.#lane
    this.#enter({ kind: 'closed', reason })
    this.#trial?.kill(reason)
    lane?.kill(reason)
  }

  /** The lane, whether or not it has started yet. */
  get #lane(): Lane | undefined {
    const state = this.#state
    return state.kind === 'starting' || state.kind === 'ready' ? state.lane : undefined
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
      this.#throwIfClosed()
    }
    for (let wasDiscarded = false; ; ) {
      const state = this.#state
      const lane = state.kind === 'ready' ? state.lane : await this.#start()
      if (!spec) return lane
      try {
        const loaded = this.#sessions.loaded(spec.key)
        if (loaded) loaded.usedAt = clock.now()
        const isReady = loaded
          ? !mustAnswer || (await answers(lane))
          : await this.#sessions.load(lane, spec, withinMs)
        if (isReady) return lane
        this.#throwIfClosed()
        this.#lose(lane)
        lane.kill(new SpillwayError('lane_lost', 'The lane was lost'))
      } catch (cause) {
        if (!(cause instanceof SpillwayError)) throw cause
        this.#throwIfClosed()
        if (cause.code !== 'capacity_insufficient') throw cause
        // A lane keeps the memory that it once took: a new one has more for this session.
        const wasAlone = this.#sessions.all.size === 0
        this.#discard(lane)
        if (wasAlone || wasDiscarded) throw cause
        wasDiscarded = true
      }
    }
  }

  async #start(): Promise<Lane> {
    const { startLane, threads, clock, name } = this.#options
    let last: unknown
    for (let attempt = 1; attempt <= maxStarts; attempt++) {
      await this.#backoff.wait(last)
      this.#throwIfClosed()
      const begunAt = clock.now()
      let lane: Lane | undefined
      try {
        // A page's content policy may forbid the worker: that throws at once.
        lane = startLane(name)
        this.#watch(lane)
        await lane.start({ threads })
        if (this.#lane === lane) this.#enter({ kind: 'ready', lane })
        this.#startMs = clock.now() - begunAt
        this.failsToStartSince = undefined
        return lane
      } catch (cause) {
        last = cause
        if (lane) this.#lose(lane)
        else this.#backoff.died()
        lane?.kill(new SpillwayError('lane_lost', 'The lane did not start'))
        this.#throwIfClosed()
      }
    }
    this.failsToStartSince ??= clock.now()
    const message = `No lane could be started in ${maxStarts} attempts: ${messageOf(last)}`
    throw new SpillwayError('lane_failed', message, {}, { cause: last })
  }

  #watch(lane: Lane): void {
    this.#enter({ kind: 'starting', lane })
    void lane.lost.then(() => this.#lose(lane))
  }

  /** It died by itself. */
  #lose(lane: Lane): void {
    if (this.#lane !== lane) return
    this.#enter(down)
    this.#backoff.died()
  }

  /** Ends a lane for its memory's sake. */
  #discard(lane: Lane): void {
    if (this.#lane !== lane) return
    this.#enter(down)
    lane.kill(new SpillwayError('closed', 'The lane was ended to give its memory back'))
  }

  /** Sessions and their leases end with their lane. */
  #enter(state: State): void {
    this.#state = state
    if (state.kind !== 'down' && state.kind !== 'closed') return
    this.#sessions.clear()
    // Their memory is free, and no lease is released any more.
    this.#options.onIdle()
  }

  #throwIfClosed(): void {
    if (this.#state.kind === 'closed') throw this.#state.reason
  }
}

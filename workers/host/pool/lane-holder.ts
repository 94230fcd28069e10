import type { Clock } from '../../../models/async/clock.ts'
import { messageOf, SpillwayError } from '../../../models/core/index.ts'
import type { Lane } from '../lane-client/lane.ts'
import type { SessionSpec } from '../scheduler/work.ts'
import { RestartBackoff } from './restart-backoff.ts'

export interface LaneHolderOptions {
  readonly name: string
  /** Threads of one run. */
  readonly threads: number
  readonly startLane: (name: string) => Lane
  readonly clock: Clock
  /** Waits until there is memory for a session, and calls `reserve` in the moment from which it is taken. */
  readonly makeRoom: (session: SessionSpec, reserve: () => void) => Promise<void>
  /** Calls back at the end of each job. */
  readonly onIdle: () => void
}

/** A session's place in a lane. */
export interface Held {
  readonly source: SessionSpec
  /** On the clock. */
  usedAt: number
  /** What loading it took, its files' reading included; nothing while it is being loaded. */
  loadMs: number | undefined
}

/** A lane that is kept, with a session loaded, for work that goes on beside batches. */
export interface LeasedLane {
  readonly lane: Lane
  release(): void
}

/** How far a lane is. `down`: it is started when it is needed. */
export type LaneState = 'down' | 'starting' | 'idle' | 'busy'

/** Times that one job starts or replaces a lane before it fails. */
const attempts = 3

/** Milliseconds that a job waits for a lane that died too often; it fails at once where the lane has to rest longer. */
const timeoutMs = 1_000

/** The place of one lane: starts it when needed, and anew when it died. One job at a time. */
export class LaneHolder {
  readonly name: string
  readonly threads: number
  readonly #options: LaneHolderOptions
  readonly #held = new Map<string, Held>()
  readonly #restartBackoff = new RestartBackoff()
  /** Sessions that are held, each by how many. */
  readonly #leases = new Map<string, number>()
  #lane: Lane | undefined
  #started = false
  #startMs = 0
  #job: string | true | undefined
  #leaving = false
  #closed: SpillwayError | undefined

  constructor(options: LaneHolderOptions) {
    this.#options = options
    this.name = options.name
    this.threads = options.threads
  }

  get isBusy(): boolean {
    return this.#job !== undefined
  }

  get isFree(): boolean {
    return this.#job === undefined && !this.#leaving
  }

  /** It died so often that its next start has to wait. */
  get isBackingOff(): boolean {
    return !this.#lane && this.#restartBackoff.waitMs(this.#options.clock.now()) > 0
  }

  get state(): LaneState {
    if (!this.#lane) return 'down'
    if (!this.#started) return 'starting'
    return this.isBusy ? 'busy' : 'idle'
  }

  get held(): ReadonlyMap<string, Held> {
    return this.#held
  }

  /** What its last lane needed to start. */
  get startMs(): number {
    return this.#startMs
  }

  /** Whether the session is loaded. */
  has(session: string): boolean {
    return this.#held.get(session)?.loadMs !== undefined
  }

  isLoading(session: string): boolean {
    return this.#job === session && !this.has(session)
  }

  /** Whether the job at work is the session's, or somebody holds it. */
  isUsing(session: string): boolean {
    return this.#job === session || this.#leases.has(session)
  }

  /** The lane, with the session in it for as long as it is held and lives; nothing where the session is not loaded. */
  lease(session: string): LeasedLane | undefined {
    const lane = this.#lane
    if (!lane || this.#leaving || !this.has(session)) return undefined
    this.#leases.set(session, (this.#leases.get(session) ?? 0) + 1)
    let isLeased = true
    return {
      lane,
      release: () => {
        // A lane that was lost took its holds along.
        if (!isLeased || this.#lane !== lane) return
        isLeased = false
        const left = (this.#leases.get(session) ?? 1) - 1
        if (left > 0) this.#leases.set(session, left)
        else this.#leases.delete(session)
        const held = this.#held.get(session)
        if (held) held.usedAt = this.#options.clock.now()
        if (this.#leaving) this.#endIfIdle()
        this.#options.onIdle()
      },
    }
  }

  /**
   * Performs one job in this slot's lane, with the session loaded. The caller sees to it that there is one at a time.
   *
   * @param mustAnswer Whether the lane has to answer before the job is given to it.
   */
  async use<T>(
    session: SessionSpec | undefined,
    perform: (lane: Lane) => Promise<T>,
    mustAnswer = false,
  ): Promise<T> {
    this.#job = session?.key ?? true
    try {
      const ready = mustAnswer ? undefined : this.#laneHolding(session)
      return await perform(ready ?? (await this.#laneWith(session, mustAnswer)))
    } finally {
      this.#job = undefined
      if (this.#leaving) this.#endIfIdle()
      this.#options.onIdle()
    }
  }

  /** Gives the memory of a session back that no job is using. A lane that holds nothing more is ended: only that shrinks it. */
  async unload(session: string): Promise<void> {
    const lane = this.#lane
    if (!this.#held.delete(session) || !lane) return
    if (this.#held.size === 0 && !this.isBusy) return this.#discard(lane)
    // A lane that dies meanwhile has given the memory back, too.
    await lane.unload(session).catch(() => undefined)
  }

  /** Whether somebody holds a session in it. */
  get isLeased(): boolean {
    return this.#leases.size > 0
  }

  /** Takes no more jobs, and ends the lane after the last, and after those who hold a session in it. */
  drain(): void {
    this.#leaving = true
    this.#endIfIdle()
  }

  close(reason: SpillwayError): void {
    this.#leaving = true
    this.#closed = reason
    this.#lane?.kill(reason)
  }

  #endIfIdle(): void {
    if (this.isBusy || this.isLeased) return
    this.close(new SpillwayError('closed', 'The lane is no longer needed'))
  }

  /** The lane, where it has the session already: nearly always, and then the job is sent in its caller's own turn. */
  #laneHolding(session: SessionSpec | undefined): Lane | undefined {
    const held = session && this.#held.get(session.key)
    if (held) held.usedAt = this.#options.clock.now()
    return held && this.#lane
  }

  /** A lane with the session loaded. One that is lost while it loads is replaced once: a crash may be an accident. */
  async #laneWith(session: SessionSpec | undefined, mustAnswer: boolean): Promise<Lane> {
    for (let attempt = 1; ; attempt++) {
      const lane = this.#started && this.#lane ? this.#lane : await this.#start()
      if (!session) return lane
      try {
        const held = this.#held.get(session.key)
        if (held) held.usedAt = this.#options.clock.now()
        if (!held) await this.#load(lane, session)
        else if (mustAnswer) await lane.ping()
        return lane
      } catch (cause) {
        if (!(cause instanceof SpillwayError)) throw cause
        if (this.#closed) throw this.#closed
        if (cause.code === 'capacity_insufficient') {
          // What a lane once took it keeps: another is smaller, and has the memory for this session alone.
          const alone = this.#held.size === 0
          this.#discard(lane)
          if (alone || attempt === 2) throw cause
        } else if (cause.code !== 'lane_lost') throw cause
        else if (attempt === 2) throw lostWhileLoading(session, cause)
      }
    }
  }

  async #load(lane: Lane, source: SessionSpec): Promise<void> {
    const { clock, makeRoom } = this.#options
    const begun = clock.now()
    const held: Held = { source, usedAt: begun, loadMs: undefined }
    try {
      await makeRoom(source, () => this.#held.set(source.key, held))
      await lane.load(await source.request())
      held.loadMs = clock.now() - begun
      held.usedAt = clock.now()
    } catch (cause) {
      if (this.#held.get(source.key) === held) this.#held.delete(source.key)
      throw cause
    }
  }

  async #start(): Promise<Lane> {
    const { startLane, threads, clock, name } = this.#options
    let last: unknown
    for (let attempt = 1; attempt <= attempts; attempt++) {
      const waitMs = this.#restartBackoff.waitMs(clock.now())
      if (waitMs > timeoutMs) throw backingOff(waitMs, last)
      if (waitMs > 0) await pause(clock, waitMs)
      if (this.#closed) throw this.#closed
      const begun = clock.now()
      let lane: Lane | undefined
      try {
        // A page's content policy may forbid the worker: that throws at once.
        lane = startLane(name)
        this.#attach(lane)
        await lane.start({ threads })
        this.#started = true
        this.#startMs = clock.now() - begun
        return lane
      } catch (cause) {
        last = cause
        if (lane) this.#lose(lane)
        else this.#restartBackoff.died(clock.now())
        lane?.kill(new SpillwayError('lane_lost', 'The lane did not start'))
        // It did not die by itself: what waited for it is told so.
        if (this.#closed) throw this.#closed
      }
    }
    throw new SpillwayError(
      'lane_failed',
      `No lane could be started in ${attempts} attempts: ${messageOf(last)}`,
      {},
      { cause: last },
    )
  }

  #attach(lane: Lane): void {
    this.#lane = lane
    this.#started = false
    void lane.lost.then(() => this.#lose(lane))
  }

  /** It died by itself. */
  #lose(lane: Lane): void {
    if (this.#lane !== lane) return
    this.#forget()
    this.#restartBackoff.died(this.#options.clock.now())
  }

  /** It is ended to give its memory back. */
  #discard(lane: Lane): void {
    if (this.#lane !== lane) return
    this.#forget()
    lane.kill(new SpillwayError('closed', 'The lane was ended to give its memory back'))
  }

  #forget(): void {
    this.#lane = undefined
    this.#started = false
    this.#held.clear()
    this.#leases.clear()
  }
}

const pause = (clock: Clock, ms: number) => new Promise<void>((resolve) => clock.after(ms, resolve))

const backingOff = (waitMs: number, cause: unknown) =>
  new SpillwayError(
    'lane_failed',
    'The lane died too often',
    {
      got: 'a lane that has to rest',
      retryAfterMs: Math.ceil(waitMs),
      hint: 'What it is asked to do may be at fault.',
    },
    { cause },
  )

/** The model's doing and not the request's, so it is not what makes a request poison. */
const lostWhileLoading = ({ key }: SessionSpec, cause: SpillwayError) =>
  new SpillwayError(
    'lane_failed',
    `Two lanes were lost while they loaded ${key}: ${cause.message}`,
    {},
    { cause },
  )

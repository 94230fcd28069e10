import { messageOf, SpillwayError } from '../../models/index.ts'
import type { Clock } from '../clock.ts'
import type { Lane } from '../lane/lane.ts'
import type { SessionSource } from '../scheduler/work.ts'
import type { PoolOptions } from './pool.ts'

/** Waits between attempts to start a lane, in milliseconds; after the last the jobs that need it fail. */
const restartDelays = [0, 200, 1000]

/** The place of one lane in a pool: starts it when needed, and anew when it died. */
export class Slot {
  readonly #name: string
  readonly #options: PoolOptions
  #lane: Lane | undefined
  #loaded = new Set<string>()
  #busy = false
  #closed: SpillwayError | undefined

  constructor(name: string, options: PoolOptions) {
    this.#name = name
    this.#options = options
  }

  get isBusy(): boolean {
    return this.#busy
  }

  has(session: string): boolean {
    return this.#loaded.has(session)
  }

  /** Performs one job in this slot's lane, with the session loaded. The caller sees to it that there is one at a time. */
  async use<T>(session: SessionSource | undefined, perform: (lane: Lane) => Promise<T>): Promise<T> {
    this.#busy = true
    try {
      return await perform(await this.#laneWith(session))
    } finally {
      this.#busy = false
    }
  }

  /** A lane with the session loaded. One that is lost while it loads is replaced once: a crash may be an accident. */
  async #laneWith(session: SessionSource | undefined): Promise<Lane> {
    for (let attempt = 1; ; attempt++) {
      const lane = this.#lane ?? (await this.#start())
      if (!session || this.#loaded.has(session.key)) return lane
      try {
        await lane.load(await session.request())
        this.#loaded.add(session.key)
        return lane
      } catch (cause) {
        if (!(cause instanceof SpillwayError && cause.code === 'lane_lost')) throw cause
        if (attempt === 2 || this.#closed) throw lostWhileLoading(session, cause)
      }
    }
  }

  close(reason: SpillwayError): void {
    this.#closed = reason
    this.#lane?.kill(reason)
  }

  async #start(): Promise<Lane> {
    const { startLane, threads, clock } = this.#options
    let last: unknown
    for (const delay of restartDelays) {
      if (delay > 0) await pause(clock, delay)
      if (this.#closed) throw this.#closed
      let lane: Lane | undefined
      try {
        // A page's content policy may forbid the worker: that throws at once.
        lane = startLane(this.#name)
        this.#hold(lane)
        await lane.start({ threads })
        return lane
      } catch (cause) {
        last = cause
        lane?.kill(new SpillwayError('lane_lost', 'The lane did not start'))
      }
    }
    throw new SpillwayError(
      'lane_failed',
      `No lane could be started in ${restartDelays.length} attempts: ${messageOf(last)}`,
      {},
      { cause: last },
    )
  }

  #hold(lane: Lane): void {
    this.#lane = lane
    void lane.gone.then(() => {
      if (this.#lane !== lane) return
      this.#lane = undefined
      this.#loaded = new Set()
    })
  }
}

const pause = (clock: Clock, ms: number) => new Promise<void>((resolve) => clock.after(ms, resolve))

/** The model's doing and not the request's, so it is not what makes a request poison. */
const lostWhileLoading = ({ key }: SessionSource, cause: SpillwayError) =>
  new SpillwayError(
    'lane_failed',
    `Two lanes were lost while they loaded ${key}: ${cause.message}`,
    {},
    { cause },
  )

import type { Clock } from '../../../models/async/clock.ts'
import { messageOf, SpillwayError } from '../../../models/core/index.ts'
import type { Lane } from '../lane-client/lane.ts'
import { maxStarts, RestartBackoff } from './restart-backoff.ts'

export interface RestartedLaneOptions {
  readonly name: string
  /** Threads of one run. */
  readonly threads: number
  readonly startLane: (name: string) => Lane
  readonly clock: Clock
  /** Called when the lane has ended, by itself or not. What was in it is gone. */
  readonly onEnd: () => void
}

type State =
  | { readonly kind: 'down' }
  | { readonly kind: 'starting'; readonly lane: Lane }
  | { readonly kind: 'ready'; readonly lane: Lane }
  | { readonly kind: 'closed'; readonly reason: SpillwayError }

const down: State = { kind: 'down' }

/** One lane after the other: started on request, and again after its death, until it is closed. */
export class RestartedLane {
  readonly #options: RestartedLaneOptions
  readonly #backoff: RestartBackoff
  #state: State = down
  #startMs = 0
  #failsToStartSince: number | undefined

  constructor(options: RestartedLaneOptions) {
    this.#options = options
    this.#backoff = new RestartBackoff(options.clock)
  }

  get kind(): State['kind'] {
    return this.#state.kind
  }

  /** The lane, whether or not it has started yet. */
  get lane(): Lane | undefined {
    const state = this.#state
    return state.kind === 'starting' || state.kind === 'ready' ? state.lane : undefined
  }

  /** The lane, where it has started. */
  get ready(): Lane | undefined {
    const state = this.#state
    return state.kind === 'ready' ? state.lane : undefined
  }

  /** Whether the lane died so often that the next start has to wait. */
  get isBackingOff(): boolean {
    return this.lane === undefined && this.#backoff.waitMs > 0
  }

  /** Milliseconds that the last lane took to start. */
  get startMs(): number {
    return this.#startMs
  }

  /** When a lane first failed to start, on the clock; undefined where the last one started. */
  get failsToStartSince(): number | undefined {
    return this.#failsToStartSince
  }

  /** @throws SpillwayError `lane_failed` where no attempt succeeds; the reason where it is closed. */
  async start(): Promise<Lane> {
    const { startLane, threads, clock, name } = this.#options
    let last: unknown
    for (let attempt = 1; attempt <= maxStarts; attempt++) {
      await this.#backoff.wait(last)
      this.throwIfClosed()
      const begunAt = clock.now()
      let lane: Lane | undefined
      try {
        // A page's content policy may forbid the worker: that throws at once.
        lane = startLane(name)
        this.#watch(lane)
        await lane.start({ threads })
        if (this.lane === lane) this.#state = { kind: 'ready', lane }
        this.#startMs = clock.now() - begunAt
        this.#failsToStartSince = undefined
        return lane
      } catch (cause) {
        last = cause
        if (lane) this.#noteDeath(lane)
        else this.#backoff.died()
        lane?.kill(new SpillwayError('lane_lost', 'The lane did not start'))
        this.throwIfClosed()
      }
    }
    this.#failsToStartSince ??= clock.now()
    throw new SpillwayError(
      'lane_failed',
      `No lane could be started in ${maxStarts} attempts: ${messageOf(last)}`,
      {},
      { cause: last },
    )
  }

  /** Ends a lane that gives no answer, which counts as its death. */
  lose(lane: Lane): void {
    this.#noteDeath(lane)
    lane.kill(new SpillwayError('lane_lost', 'The lane was lost'))
  }

  /** Ends a lane for its memory's sake. */
  discard(lane: Lane): void {
    if (this.lane !== lane) return
    this.#end(down)
    lane.kill(new SpillwayError('closed', 'The lane was ended to give its memory back'))
  }

  close(reason: SpillwayError): void {
    if (this.#state.kind === 'closed') return
    const { lane } = this
    this.#end({ kind: 'closed', reason })
    lane?.kill(reason)
  }

  throwIfClosed(): void {
    if (this.#state.kind === 'closed') throw this.#state.reason
  }

  #watch(lane: Lane): void {
    this.#state = { kind: 'starting', lane }
    void lane.lost.then(() => this.#noteDeath(lane))
  }

  #noteDeath(lane: Lane): void {
    if (this.lane !== lane) return
    this.#end(down)
    this.#backoff.died()
  }

  #end(state: State): void {
    this.#state = state
    this.#options.onEnd()
  }
}

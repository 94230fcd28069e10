import type { CheckedInputs, Manifest, Policy, RunResult } from '../../models/core/index.ts'
import type { ResultHandler } from '../../workers/host/scheduler/work.ts'
import type { DeviceSession } from '../device/device-session.ts'
import type { Progress } from '../store/worker/load-files.ts'
import { BackgroundLoader } from './background-loader.ts'
import type { Decision, DeviceDecision } from './decide.ts'
import { Dispatcher, type DispatcherOptions, type Placed, type Unplaced } from './dispatcher.ts'
import { Failover } from './failover.ts'
import { Health } from './health.ts'
import { hedge } from './hedge.ts'
import { type ModelState, ModelStates, type ModelStatesOptions } from './model-states.ts'
import { type Backlog, PlacementResolver } from './placement-resolver.ts'
import {
  createRequestState,
  type EstimateSpill,
  type PlacementOptions,
  type RequestState,
  resetAttempts,
} from './request-state.ts'
import { RetryBudget } from './retry-budget.ts'

export interface RouterOptions extends DispatcherOptions, ModelStatesOptions {
  /** Whether the other tier is asked, too, when one is slower than it nearly always is. */
  readonly hedge: boolean
}

/** A place for a stream: the session on the device, or none for the server. */
export interface TextTarget {
  readonly decision: Decision
  readonly session: DeviceSession | undefined
  /** Says that the stream got on here: should this place fail now, all others may be tried again. */
  markProgress(): void
}

/** Takes each request where it is placed, and to another place when that one fails. */
export class Router {
  readonly #options: RouterOptions
  readonly #budget = new RetryBudget()
  readonly #states: ModelStates
  readonly #dispatcher: Dispatcher
  readonly #resolver: PlacementResolver
  readonly #backgroundLoader: BackgroundLoader
  readonly #failover: Failover
  readonly #readers = new WeakMap<DeviceDecision, ResultHandler<DeviceSession, RunResult, PlacementOptions>>()
  /** When this turn's requests were made. */
  #turn: number | undefined

  constructor(options: RouterOptions) {
    const { clock, remote } = options
    const health = new Health(clock, remote?.breaker)
    this.#options = options
    this.#states = new ModelStates(options)
    this.#dispatcher = new Dispatcher(options)
    this.#resolver = new PlacementResolver(options, this.#dispatcher, health)
    this.#backgroundLoader = new BackgroundLoader(
      options,
      this.#dispatcher,
      this.#states,
      this.#resolver,
      health,
    )
    this.#failover = new Failover({
      resolver: this.#resolver,
      health,
      states: this.#states,
      budget: this.#budget,
      clock,
    })
  }

  /** Makes the model ready where the policy places it now: nothing to wait for where the server answers. */
  async prepare(
    manifest: Manifest,
    options: PlacementOptions,
    onProgress?: (progress: Progress) => void,
  ): Promise<void> {
    const { signal } = options
    const request = createRequestState({ manifest, rows: 1, askedAt: this.#options.clock.now() }, options)
    return this.#place(request, (decision) => {
      if (decision.reason === 'bridge') this.#backgroundLoader.load(manifest, signal, onProgress)
      if (decision.tier === 'server') return Promise.resolve()
      return this.#options.device.prepare(
        this.#dispatcher.sessionOf(manifest, decision.target),
        signal,
        onProgress,
      )
    })
  }

  /** Loads the model on the device, whatever answers meanwhile. */
  load(manifest: Manifest, signal?: AbortSignal, onProgress?: (progress: Progress) => void): Promise<void> {
    return this.prepare(manifest, { policy: 'device', signal }, onProgress)
  }

  run(manifest: Manifest, inputs: CheckedInputs, options: PlacementOptions): Promise<RunResult> {
    const askedAt = this.#askedAt()
    const state = this.#states.known(manifest)
    const atOnce = state && this.#runAtOnce(state, inputs, askedAt, options)
    if (atOnce) return atOnce
    const { tensors, rows } = inputs
    return this.#runAnywhere(
      { inputs: tensors, rows, askedAt },
      createRequestState({ manifest, rows, askedAt }, options),
    )
  }

  /** Whether requests go to the server until the device has told what it can do. */
  startsOnServer(policy: Policy): boolean {
    return this.#options.remote !== null && policy !== 'device' && policy !== 'prefer-device'
  }

  /** Where requests were answered so far. */
  get placed(): readonly Placed[] {
    return this.#dispatcher.placed
  }

  /** What a request would find now. */
  backlog(manifest: Manifest, policy: Policy): Backlog {
    return this.#resolver.backlog(manifest, this.#states.known(manifest), policy)
  }

  /**
   * Takes a stream where it is placed, its model loaded there, and on to the next place when that one fails.
   *
   * @param go Does there what can be done; it rejects with what the place did wrong.
   */
  streamWithFailover<T>(
    manifest: Manifest,
    options: PlacementOptions,
    late: EstimateSpill,
    go: (place: TextTarget) => Promise<T>,
  ): Promise<T> {
    const { remote, clock } = this.#options
    const askedAt = clock.now()
    const request = createRequestState({ manifest, rows: 1, askedAt }, options, late)
    const markProgress = () => {
      resetAttempts(request)
      this.#backgroundLoader.answered(manifest)
    }
    return this.#place(request, async (decision) => {
      if (decision.reason === 'bridge') this.#backgroundLoader.load(manifest)
      if (decision.tier === 'server') {
        const stream = () => go({ decision, session: undefined, markProgress })
        return remote ? remote.breaker.run(stream) : stream()
      }
      const session = await this.#dispatcher.loaded(manifest, decision.target, askedAt, options)
      return go({ decision, session, markProgress })
    })
  }

  /** To the server at once where nothing that the device could tell would change that. */
  #place<T>(request: RequestState, go: (decision: Decision) => Promise<T>): Promise<T> {
    const { manifest, options } = request
    const state = this.#states.known(manifest)
    if (state) return this.#failover.run(state, request, go)
    const unseen = this.#states.deviceHasTold
      ? undefined
      : this.#resolver.decideUnseen(manifest, options.policy)
    if (unseen) return this.#failover.begin(unseen, request, go)
    return this.#states.open(manifest).then((opened) => this.#failover.run(opened, request, go))
  }

  /** The way of nearly all requests, kept short since thousands may come in one turn: the device, which has the model loaded. */
  #runAtOnce(
    state: ModelState,
    { tensors: inputs, rows }: CheckedInputs,
    askedAt: number,
    options: PlacementOptions,
  ): Promise<RunResult> | undefined {
    if (this.#options.hedge) return undefined
    const decision = this.#resolver.sameDevice(state, options, rows)
    if (!decision) return undefined
    const { manifest } = state
    const source = this.#dispatcher.sessionOf(manifest, decision.target)
    const reader = this.#readerOf(manifest, decision)
    return this.#options.device.submit({ source, inputs, rows, askedAt }, options, reader)
  }

  /** Reads all answers of a decision, and takes what failed to another place. */
  #readerOf(
    manifest: Manifest,
    decision: DeviceDecision,
  ): ResultHandler<DeviceSession, RunResult, PlacementOptions> {
    let reader = this.#readers.get(decision)
    if (!reader) {
      reader = {
        onResult: (answer, { askedAt }) => this.#dispatcher.result(askedAt, decision, answer),
        onError: async (error, work, options) => {
          const request = createRequestState({ manifest, rows: work.rows, askedAt: work.askedAt }, options)
          this.#failover.settleFailure(request, decision, error)
          return this.#runAnywhere(work, request)
        },
      }
      this.#readers.set(decision, reader)
    }
    return reader
  }

  #runAnywhere(work: Unplaced, request: RequestState): Promise<RunResult> {
    const { manifest, options } = request
    return this.#place(request, (decision) => {
      if (decision.reason === 'bridge') this.#backgroundLoader.load(manifest)
      const answer = this.#options.hedge
        ? this.#hedged(request, work, decision)
        : this.#dispatcher.submit(manifest, work, options, decision)
      if (decision.tier === 'device') return answer
      this.#budget.earn()
      return answer.finally(() => this.#backgroundLoader.answered(manifest))
    })
  }

  /** Asks the other tier, too, where the first is slower than it nearly always is. */
  #hedged(request: RequestState, work: Unplaced, decision: Decision): Promise<RunResult> {
    const { manifest, options } = request
    const state = this.#states.known(manifest)
    const afterMs = state?.latency[decision.tier].p95
    const ask = (decision: Decision, signal: AbortSignal | undefined) =>
      this.#dispatcher.submit(manifest, work, { ...options, signal }, decision).then((result) => {
        state?.latency[decision.tier].add(result.timings.totalMs)
        return result
      })
    if (!state || afterMs === undefined || options.policy === 'device' || options.policy === 'server')
      return ask(decision, options.signal)
    const second = (signal: AbortSignal) => {
      const other = this.#resolver.other(state, decision, afterMs)
      return other && this.#budget.take() ? ask(other, signal) : undefined
    }
    const first = (signal: AbortSignal) => ask(decision, signal)
    return hedge({ clock: this.#options.clock, afterMs, signal: options.signal, first, second })
  }

  /** Now, read once a turn: thousands of requests may come in one. */
  #askedAt(): number {
    if (this.#turn === undefined) {
      this.#turn = this.#options.clock.now()
      queueMicrotask(() => {
        this.#turn = undefined
      })
    }
    return this.#turn
  }
}

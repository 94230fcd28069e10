import type { CheckedInputs, Manifest, Policy, RunResult } from '../../models/core/index.ts'
import type { ResultHandler } from '../../workers/host/scheduler/work.ts'
import type { DeviceSession } from '../device/device-session.ts'
import type { Progress } from '../store/worker/load-files.ts'
import { BackgroundLoader } from './background-loader.ts'
import { type Decision, decide } from './decide-placement.ts'
import { Dispatcher, type PlacementCount, type TierClients, type UnplacedWork } from './dispatcher.ts'
import { Health } from './health.ts'
import { ModelStates, type ModelStatesOptions } from './model-states.ts'
import {
  type Backlog,
  type EstimateSpill,
  type PlacementOptions,
  PlacementResolver,
  type Resolution,
} from './placement-resolver.ts'
import {
  type Attempt,
  createRequestState,
  Failover,
  type RequestState,
  resetAttempts,
} from './request-failover.ts'
import { RetryBudget } from './retry-budget.ts'
import { SecondBackend } from './second-backend.ts'

export type RouterOptions = TierClients & ModelStatesOptions

/** Where a stream runs. */
export interface TextTarget {
  readonly decision: Decision
  /** Loaded; undefined on the server. */
  readonly session: DeviceSession | undefined
  /** Reports progress here: if this place fails later, all others may be tried again. */
  markProgress(): void
}

/** Runs each request where it is placed, and elsewhere when that place fails. */
export class Router {
  readonly #options: RouterOptions
  readonly #budget = new RetryBudget()
  readonly #dispatcher: Dispatcher
  readonly #resolver: PlacementResolver
  readonly #backgroundLoader: BackgroundLoader
  readonly #failover: Failover
  #turnStartedAt: number | undefined

  constructor(options: RouterOptions) {
    const { device, clock, remote } = options
    const health = new Health(clock, remote?.breaker)
    const states = new ModelStates(options)
    const resolver = new PlacementResolver(options, states, health)
    this.#options = options
    this.#dispatcher = new Dispatcher(options)
    this.#resolver = resolver
    this.#backgroundLoader = new BackgroundLoader({ device, clock, states, resolver, health })
    new SecondBackend({ device, states, resolver, health })
    this.#failover = new Failover({ resolver, health, states, budget: this.#budget, clock })
  }

  /** Makes the model ready where the policy places it now; on the server it is ready at once. */
  async prepare(
    manifest: Manifest,
    options: PlacementOptions,
    onProgress?: (progress: Progress) => void,
  ): Promise<void> {
    const { device, clock } = this.#options
    const { signal } = options
    const request = createRequestState({ manifest, rows: 1, askedAt: clock.now() }, options)
    return this.#failover.run(request, ({ decision, session }) => {
      if (decision.reason === 'bridge') this.#backgroundLoader.load(manifest, signal, onProgress)
      return session ? device.prepare(session, signal, onProgress) : Promise.resolve()
    })
  }

  /** Loads the model on the device, whichever tier answers meanwhile. */
  load(manifest: Manifest, signal?: AbortSignal, onProgress?: (progress: Progress) => void): Promise<void> {
    return this.prepare(manifest, { policy: 'device', signal }, onProgress)
  }

  run(manifest: Manifest, inputs: CheckedInputs, options: PlacementOptions): Promise<RunResult> {
    const askedAt = this.#readClockOncePerTurn()
    const { tensors, rows, outputs } = inputs
    let resolution: Resolution | undefined
    try {
      resolution = this.#resolver.resolve(manifest, rows, options)
    } catch (cause) {
      return Promise.reject(cause)
    }
    // The fast path of nearly all requests; thousands may come in one turn. It is valid where the device has the model
    // loaded and its target did not fail recently: there is nothing to wait for, and a success need not be noted. It
    // saves each request its state, its closures and all promises but one. All requests of a decision share a handler,
    // which creates the state of one that fails.
    if (resolution?.isFast && resolution.session) {
      const work = { source: resolution.session, inputs: tensors, rows, outputs, askedAt }
      resolution.handler ??= this.#createHandler(manifest, resolution.decision)
      return this.#options.device.submit(work, options, resolution.handler)
    }
    const request = createRequestState({ manifest, rows, askedAt }, options)
    const attempt = this.#attempt({ inputs: tensors, rows, outputs, askedAt }, request)
    return resolution
      ? this.#failover.start(resolution, request, attempt)
      : this.#failover.run(request, attempt)
  }

  /** Whether requests go to the server as long as the capacity of the device is not known. */
  startsOnServer(policy: Policy): boolean {
    if (!this.#options.remote) return false
    const conditions = { device: undefined, isLoaded: false, spill: undefined }
    return decide(policy, { ...conditions, server: 'available' }) !== 'needs-capacity'
  }

  /** Where requests were answered so far. */
  get placements(): readonly PlacementCount[] {
    return this.#dispatcher.placements
  }

  /** The load that a request made now would find. */
  backlog(manifest: Manifest, policy: Policy): Backlog {
    return this.#resolver.backlog(manifest, policy)
  }

  /**
   * Runs a stream where it is placed, its model loaded there, and goes on at the next place when that one fails.
   *
   * @param attempt Streams at one place; rejects with that place's failure.
   */
  streamWithFailover<T>(
    manifest: Manifest,
    options: PlacementOptions,
    estimateSpill: EstimateSpill,
    attempt: (target: TextTarget) => Promise<T>,
  ): Promise<T> {
    const { remote, clock } = this.#options
    const askedAt = clock.now()
    const request = createRequestState({ manifest, rows: 1, askedAt }, options, estimateSpill)
    const markProgress = () => {
      resetAttempts(request)
      this.#backgroundLoader.serverSettled(manifest)
    }
    return this.#failover.run(request, async ({ decision, session }) => {
      if (decision.reason === 'bridge') this.#backgroundLoader.load(manifest)
      const stream = () => attempt({ decision, session, markProgress })
      if (!session) return remote ? remote.breaker.run(stream) : stream()
      await this.#dispatcher.prepare(session, askedAt, options)
      return stream()
    })
  }

  /** The handler of all requests that a decision placed on the device; it moves failed ones to another place. */
  #createHandler(
    manifest: Manifest,
    decision: Decision,
  ): ResultHandler<DeviceSession, RunResult, PlacementOptions> {
    return {
      onResult: (answer, { askedAt }) => this.#dispatcher.toResult(askedAt, decision, answer),
      onError: async (error, work, options) => {
        const request = createRequestState({ manifest, rows: work.rows, askedAt: work.askedAt }, options)
        this.#failover.noteFailure(request, decision, error)
        return this.#failover.run(request, this.#attempt(work, request))
      },
    }
  }

  #attempt(work: UnplacedWork, { manifest, options }: RequestState): Attempt<RunResult> {
    return (resolution) => {
      const { tier, reason } = resolution.decision
      if (reason === 'bridge') this.#backgroundLoader.load(manifest)
      const answer = this.#dispatcher.submit(manifest, work, options, resolution)
      if (tier === 'device') return answer
      this.#budget.earn()
      return answer.finally(() => this.#backgroundLoader.serverSettled(manifest))
    }
  }

  /** When this turn's first request came. */
  #readClockOncePerTurn(): number {
    if (this.#turnStartedAt === undefined) {
      this.#turnStartedAt = this.#options.clock.now()
      queueMicrotask(() => {
        this.#turnStartedAt = undefined
      })
    }
    return this.#turnStartedAt
  }
}

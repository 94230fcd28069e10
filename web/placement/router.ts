import { linkAbort } from '../../models/async/abort.ts'
import { RetryBudget } from '../../models/async/retry-budget.ts'
import { UnansweredCalls } from '../../models/async/unanswered-calls.ts'
import type { CheckedInputs, Manifest, Placement, Policy, RunResult, Tier } from '../../models/core/index.ts'
import { closed } from '../../workers/host/scheduler/errors.ts'
import type { ResultHandler } from '../../workers/host/scheduler/work.ts'
import type { DeviceSession } from '../device/device-session.ts'
import type { Progress } from '../store/worker/load-files.ts'
import { BackgroundLoader } from './background-loader.ts'
import { answerBridged } from './bridged-request.ts'
import { type Decision, decide } from './decide-placement.ts'
import { Dispatcher, type PlacementCount, type TierClients, type UnplacedWork } from './dispatcher.ts'
import { Health } from './health.ts'
import { ModelStates, type ModelStatesOptions } from './model-states.ts'
import {
  type Backlog,
  type EstimateSpill,
  type Outlook,
  type PlacementOptions,
  PlacementResolver,
  type Resolution,
} from './placement-resolver.ts'
import { prepareText } from './prepare-text.ts'
import {
  type Attempt,
  createRequestState,
  Failover,
  type RequestState,
  TakenBack,
} from './request-failover.ts'
import { retryShare } from './retry-delay.ts'
import { watchLoaded } from './watch-loaded.ts'

export type RouterOptions = TierClients & ModelStatesOptions

/** By which a text is placed again and again. */
export interface TextPlacement {
  readonly estimateSpill: EstimateSpill
  /** The variant that began the text, once it has begun. */
  readonly preferredVariant: () => string | undefined
}

/** Where a stream runs. */
export interface TextTarget {
  readonly decision: Decision
  /** Loaded; undefined on the server. */
  readonly session: DeviceSession | undefined
  /** Ends the stream at this place. */
  readonly signal: AbortSignal | undefined
  /** Reports progress here: if this place fails later, all others may be tried again. */
  markProgress(): void
}

/** Runs each request where it is placed, and elsewhere when that place fails. */
export class Router {
  readonly #options: RouterOptions
  readonly #health: Health
  readonly #states: ModelStates
  readonly #budget = new RetryBudget(retryShare)
  readonly #dispatcher: Dispatcher
  readonly #resolver: PlacementResolver
  readonly #backgroundLoader: BackgroundLoader
  readonly #failover: Failover
  readonly #unanswered = new UnansweredCalls(closed)
  #turnStartedAt: number | undefined

  constructor(options: RouterOptions) {
    const { device, clock, remote } = options
    const health = new Health(clock, remote?.breaker)
    const states = new ModelStates(options)
    const resolver = new PlacementResolver(options, states, health)
    this.#options = options
    this.#health = health
    this.#states = states
    this.#dispatcher = new Dispatcher(options)
    this.#resolver = resolver
    const loader = new BackgroundLoader({ device, clock, states, resolver, health })
    this.#backgroundLoader = loader
    watchLoaded(options, { device, states, resolver, health })
    this.#failover = new Failover({ resolver, health, states, budget: this.#budget, clock, loader })
  }

  /** Makes the model ready where the policy places it now; on the server it is ready at once. */
  async prepare(
    manifest: Manifest,
    options: PlacementOptions,
    onProgress?: (progress: Progress) => void,
  ): Promise<void> {
    const { device, clock } = this.#options
    const { signal } = options
    const request = createRequestState({ manifest, rows: 1, askedAt: clock.now(), isLoad: true }, options)
    return this.#unanswered.track(() =>
      this.#failover.run(request, ({ decision, session }) => {
        if (decision.reason === 'bridge') this.#backgroundLoader.load(manifest, signal, onProgress)
        return session ? device.prepare(session, signal, onProgress) : Promise.resolve()
      }),
    )
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
    return this.#unanswered.track(() =>
      resolution ? this.#failover.start(resolution, request, attempt) : this.#failover.run(request, attempt),
    )
  }

  /** Whether requests go to the server as long as the capacity of the device is not known. */
  startsOnServer(policy: Policy): boolean {
    if (!this.#options.remote) return false
    const conditions = { device: undefined, isLoaded: false, spill: undefined }
    return decide(policy, { ...conditions, server: 'available' }) !== 'needs-capacity'
  }

  /** Where requests will run once the model is loaded. */
  async outlook(manifest: Manifest, policy: Policy): Promise<Outlook> {
    return this.#resolver.outlook(await this.#states.open(manifest), policy)
  }

  /** Where requests were answered so far. */
  get placements(): readonly PlacementCount[] {
    return this.#dispatcher.placements
  }

  /** Counts a text, which is written elsewhere, among the answers of its place. */
  readonly countText = (placement: Placement): void => this.#dispatcher.countAnswer(placement)

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
    { estimateSpill, preferredVariant }: TextPlacement,
    attempt: (target: TextTarget) => Promise<T>,
  ): Promise<T> {
    const { device, remote, clock } = this.#options
    const { signal, textPolicy } = options
    const askedAt = clock.now()
    const policy = textPolicy?.current ?? options.policy
    const request = createRequestState({ manifest, rows: 1, askedAt }, { ...options, policy }, estimateSpill)
    let stopWaiting = () => {}
    let place: { readonly tier: Tier; leave(): void } | undefined
    if (textPolicy) {
      textPolicy.onChange = (policy) => {
        const options = { ...request.options, policy }
        const next = this.#resolver.resolve(manifest, 1, options, request)
        request.options = options
        // Under `auto` every place will do.
        if (policy !== 'auto' && next?.decision.tier !== place?.tier) place?.leave()
      }
    }
    const markProgress = () => {
      stopWaiting()
      this.#failover.noteProgress(request)
      this.#backgroundLoader.serverSettled(manifest)
    }
    const attemptAt: Attempt<T> = async ({ decision, session }) => {
      if (decision.reason === 'bridge') this.#backgroundLoader.load(manifest)
      const { controller, release } = linkAbort(signal)
      let isTakenBack = false
      const leave = () => {
        isTakenBack = true
        controller.abort()
      }
      const takeBack = () => {
        if (this.#resolver.resolve(manifest, 1, request.options, request)?.session) leave()
      }
      place = { tier: decision.tier, leave }
      // The text of a bridged request moves to the device if that is ready before the server's first token.
      if (decision.reason === 'bridge') stopWaiting = this.#backgroundLoader.whenLoaded(manifest, takeBack)
      const stream = (session?: DeviceSession) =>
        attempt({ decision, session, signal: controller.signal, markProgress })
      const streamOnDevice = async (chosen: DeviceSession) => {
        const wait = { ...request.options, signal: controller.signal }
        const prepare = (session: DeviceSession) => this.#dispatcher.prepare(session, askedAt, wait)
        const tools = { device, states: this.#states, health: this.#health, prepare }
        return stream(await prepareText(chosen, preferredVariant(), tools))
      }
      try {
        if (session) return await streamOnDevice(session)
        return await (remote ? remote.breaker.run(() => stream()) : stream())
      } catch (cause) {
        throw isTakenBack && !signal?.aborted ? new TakenBack() : cause
      } finally {
        place = undefined
        stopWaiting()
        release()
      }
    }
    return this.#unanswered
      .track(() => this.#failover.run(request, attemptAt))
      .finally(() => {
        if (textPolicy) textPolicy.onChange = undefined
      })
  }

  /** The handler of all requests that a decision placed on the device; it moves failed ones to another place. */
  #createHandler(
    manifest: Manifest,
    decision: Decision,
  ): ResultHandler<DeviceSession, RunResult, PlacementOptions> {
    return {
      onResult: (answer, { askedAt }) => {
        if (decision.tier === 'device') this.#health.deviceRan(manifest.id, decision.target)
        return this.#dispatcher.toResult(askedAt, decision, answer)
      },
      onError: async (error, work, options) => {
        const request = createRequestState({ manifest, rows: work.rows, askedAt: work.askedAt }, options)
        this.#failover.noteFailure(request, decision, error)
        return this.#unanswered.track(() => this.#failover.run(request, this.#attempt(work, request)))
      },
    }
  }

  #attempt(work: UnplacedWork, request: RequestState): Attempt<RunResult> {
    const { manifest, options } = request
    return (resolution) => {
      const { tier, reason } = resolution.decision
      if (tier === 'device') return this.#dispatcher.submit(manifest, work, options, resolution)
      this.#budget.earn()
      const answer =
        reason === 'bridge'
          ? this.#bridge(work, request, resolution)
          : this.#dispatcher.submit(manifest, work, options, resolution)
      return answer.finally(() => this.#backgroundLoader.serverSettled(manifest))
    }
  }

  /** Asks the server, and the device too when it has loaded the model before the server has answered. */
  #bridge(work: UnplacedWork, request: RequestState, resolution: Resolution): Promise<RunResult> {
    const { manifest, rows, options } = request
    const submit = (at: Resolution, signal: AbortSignal) =>
      this.#dispatcher.submit(manifest, work, { ...options, signal }, at)
    this.#backgroundLoader.load(manifest)
    return answerBridged({
      signal: options.signal,
      whenReady: (callback) => this.#backgroundLoader.whenLoaded(manifest, callback),
      askServer: (signal) => submit(resolution, signal),
      askDevice: (signal) => {
        const onDevice = this.#resolver.resolve(manifest, rows, options, request)
        if (!onDevice?.session) return undefined
        return submit(onDevice, signal).catch((cause: unknown) => {
          this.#failover.noteFailure(request, onDevice.decision, cause)
          throw cause
        })
      },
    })
  }

  /** Ends the requests that wait, for a tier or for another attempt. */
  close(): void {
    this.#unanswered.close()
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

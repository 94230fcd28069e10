import { withAbort } from '../../models/async/abort.ts'
import type { Clock } from '../../models/async/clock.ts'
import type { RetryBudget } from '../../models/async/retry-budget.ts'
import { type Manifest, SpillwayError } from '../../models/core/index.ts'
import type { BackgroundLoader } from './background-loader.ts'
import { type Candidate, candidateKey, type Failure } from './candidate.ts'
import type { Decision } from './decide-placement.ts'
import { failureOf, failureScope, noFailures } from './failure-scope.ts'
import type { Health } from './health.ts'
import type { ModelStates } from './model-states.ts'
import type { EstimateSpill, PlacementOptions, PlacementResolver, Resolution } from './placement-resolver.ts'
import { retryDelay } from './retry-delay.ts'

interface FailedRun {
  readonly candidate: Candidate
  readonly error: SpillwayError
}

/** A request, and the places that it was tried at. */
export interface RequestState {
  readonly manifest: Manifest
  readonly rows: number
  readonly askedAt: number
  /** Of a text: replaced where its policy changes. */
  options: PlacementOptions
  readonly estimateSpill: EstimateSpill | undefined
  /** Whether it only loads the model. */
  readonly isLoad: boolean
  readonly tried: Set<string>
  /** The last failure: the request's own, when no place is left. */
  failure: SpillwayError | undefined
  /** The candidates on the device that failed. */
  failures: readonly Failure[]
  /** The runs that failed on the device, each through its candidate or its inputs. */
  failedRuns: readonly FailedRun[]
  serverFailed: boolean
  /** Whether the server was asked a second time. */
  isRetried: boolean
}

const noFailedRuns: readonly FailedRun[] = []

export const createRequestState = (
  {
    manifest,
    rows,
    askedAt,
    isLoad = false,
  }: Pick<RequestState, 'manifest' | 'rows' | 'askedAt'> & Partial<Pick<RequestState, 'isLoad'>>,
  options: PlacementOptions,
  estimateSpill?: EstimateSpill,
): RequestState => ({
  manifest,
  rows,
  askedAt,
  options,
  estimateSpill,
  isLoad,
  tried: new Set(),
  failure: undefined,
  failures: noFailures,
  failedRuns: noFailedRuns,
  serverFailed: false,
  isRetried: false,
})

/** Runs a request at the place that was resolved; rejects with that place's failure. */
export type Attempt<T> = (resolution: Resolution) => Promise<T>

/** Rejects an attempt at a place that did nothing wrong: the request is placed again, and may come back. */
export class TakenBack extends Error {}

export interface FailoverOptions {
  readonly resolver: PlacementResolver
  readonly health: Health
  readonly states: ModelStates
  readonly budget: RetryBudget
  readonly clock: Clock
  readonly loader: Pick<BackgroundLoader, 'whenLoaded'>
}

/** Moves a request from a place that fails to the next one. Each place is tried once, the server at most twice. */
export class Failover {
  readonly #options: FailoverOptions

  constructor(options: FailoverOptions) {
    this.#options = options
  }

  run<T>(request: RequestState, attempt: Attempt<T>): Promise<T> {
    const { resolver, states } = this.#options
    const { manifest, rows, options } = request
    try {
      const resolution = resolver.resolve(manifest, rows, options, request)
      if (!resolution) return states.open(manifest).then(() => this.run(request, attempt))
      if (request.failure && request.tried.has(placeKey(resolution.decision))) throw request.failure
      return this.start(resolution, request, attempt)
    } catch (cause) {
      // A place's failure says more than that no place is left.
      return Promise.reject(request.failure ?? cause)
    }
  }

  /** The same from a place that is resolved already. */
  start<T>(resolution: Resolution, request: RequestState, attempt: Attempt<T>): Promise<T> {
    const { decision } = resolution
    return attempt(resolution).then(
      (answer) => {
        this.#noteSuccess(request, decision)
        return answer
      },
      async (cause) => {
        if (cause instanceof TakenBack) return this.run(request, attempt)
        this.noteFailure(request, decision, cause)
        const delay = decision.tier === 'server' ? await this.#retryDelay(request) : undefined
        if (delay !== undefined) await this.#waitToRetry(request, delay)
        return this.run(request, attempt)
      },
    )
  }

  /**
   * Keeps the request away from a place, and later requests too where the failure is the place's.
   *
   * @throws SpillwayError The failure, where no other place would answer either.
   */
  noteFailure(request: RequestState, decision: Decision, cause: unknown): void {
    const { health } = this.#options
    const failure = SpillwayError.from(cause, 'internal', `${request.manifest.id} failed`)
    const { holds } = failureScope[failure.code]
    if (holds === 'every-place') throw failure
    request.failure = failure
    request.tried.add(placeKey(decision))
    if (decision.tier === 'server') {
      request.serverFailed = true
      if (holds === 'place') health.serverFailed(request.manifest.id, failure)
      return
    }
    request.failures = [...request.failures, failureOf(decision.target, failure)]
    if (holds === 'place') health.deviceFailed(request.manifest.id, decision.target, failure)
    else if (holds === 'run')
      request.failedRuns = [...request.failedRuns, { candidate: decision.target, error: failure }]
  }

  /** After progress at a place every place may be tried again. */
  noteProgress(request: RequestState): void {
    this.#noteFailedRuns(request)
    request.tried.clear()
    request.failure = undefined
    request.failures = noFailures
    request.serverFailed = false
    request.isRetried = false
  }

  /** Another place answered, so the inputs were not at fault. */
  #noteFailedRuns(request: RequestState): void {
    const { manifest, askedAt, failedRuns } = request
    for (const { candidate, error } of failedRuns)
      this.#options.health.deviceRunFailed(manifest.id, candidate, error, askedAt)
    request.failedRuns = noFailedRuns
  }

  #noteSuccess(request: RequestState, decision: Decision): void {
    const { health } = this.#options
    const { manifest, isLoad } = request
    this.#noteFailedRuns(request)
    if (decision.tier === 'device' && !isLoad) health.deviceRan(manifest.id, decision.target)
    if (decision.tier === 'server') health.serverAnswered(manifest.id)
    else health.deviceAnswered(manifest.id, decision.target)
  }

  /** Milliseconds until the server is asked once more: only if the device could not answer at once and the budget allows it. */
  async #retryDelay(request: RequestState): Promise<number | undefined> {
    const { resolver, states, budget, clock } = this.#options
    const { manifest, failure, options, askedAt } = request
    const state = states.get(manifest) ?? (await states.open(manifest))
    if (request.isRetried || !failure) return undefined
    if (options.policy !== 'server' && resolver.isLoaded(state, request)) return undefined
    const { deadlineMs } = options
    const leftMs = deadlineMs === undefined ? undefined : askedAt + deadlineMs - clock.now()
    const delay = retryDelay(failure, leftMs)
    if (delay === undefined) return undefined
    // A server that shuts down hands its requests to its replicas: that adds no load to servers in trouble.
    return failure.code === 'server_draining' || budget.take() ? delay : undefined
  }

  /** Waits until the server may be asked once more, or until the device has loaded the model and answers in its place. */
  async #waitToRetry(request: RequestState, ms: number): Promise<void> {
    const { clock, loader } = this.#options
    const { manifest, options } = request
    request.isRetried = true
    const waits: (() => void)[] = []
    const waited = new Promise<boolean>((resolve) => {
      waits.push(clock.after(ms, () => resolve(false)))
      if (options.policy !== 'server') waits.push(loader.whenLoaded(manifest, () => resolve(true)))
    })
    try {
      if (await withAbort(options.signal, waited)) return
    } finally {
      for (const stop of waits) stop()
    }
    request.serverFailed = false
    request.tried.delete('server')
  }
}

const placeKey = (decision: Decision) =>
  decision.tier === 'server' ? 'server' : candidateKey(decision.target)

import { withAbort } from '../../models/async/abort.ts'
import type { Clock } from '../../models/async/clock.ts'
import { SpillwayError } from '../../models/core/index.ts'
import type { Decision } from './decide.ts'
import { failureOf, final, own, retryDelay } from './failure.ts'
import type { Health } from './health.ts'
import type { ModelState, ModelStates } from './model-states.ts'
import type { PlacementResolver } from './placement-resolver.ts'
import { placeOf, type RequestState } from './request-state.ts'
import type { RetryBudget } from './retry-budget.ts'

export interface FailoverOptions {
  readonly resolver: PlacementResolver
  readonly health: Health
  readonly states: ModelStates
  readonly budget: RetryBudget
  readonly clock: Clock
}

/** Goes where it is placed, and on to another place when that one fails: each is tried once at most. */
export class Failover {
  readonly #options: FailoverOptions

  constructor(options: FailoverOptions) {
    this.#options = options
  }

  /** @param go Does at a place what can be done; it rejects with what the place did wrong. */
  run<T>(state: ModelState, request: RequestState, go: (decision: Decision) => Promise<T>): Promise<T> {
    try {
      const decision = this.#options.resolver.decide(state, request)
      if (request.failure && request.tried.has(placeOf(decision))) throw request.failure
      return this.begin(decision, request, go)
    } catch (cause) {
      return Promise.reject(cause)
    }
  }

  /** The same from a place that is decided already. */
  begin<T>(decision: Decision, request: RequestState, go: (decision: Decision) => Promise<T>): Promise<T> {
    return go(decision).then(
      (answer) => {
        this.#noteSuccess(request, decision)
        return answer
      },
      async (cause) => {
        const { states } = this.#options
        this.settleFailure(request, decision, cause)
        const state = states.known(request.manifest) ?? (await states.open(request.manifest))
        const delay = decision.tier === 'server' ? this.#retryDelay(state, request) : undefined
        if (delay !== undefined) await this.#pause(request, delay)
        return this.run(state, request, go)
      },
    )
  }

  /**
   * A failure keeps this request away from the place, and, where it is the place's own, those that come next.
   *
   * @throws SpillwayError The failure, where no other place would mend it.
   */
  settleFailure(request: RequestState, decision: Decision, cause: unknown): void {
    const { health } = this.#options
    const failure = SpillwayError.from(cause, 'internal', `${request.manifest.id} failed`)
    if (final.has(failure.code)) throw failure
    request.failure = failure
    request.tried.add(placeOf(decision))
    if (decision.tier === 'server') {
      request.serverFailed = true
      if (!own.has(failure.code)) health.serverFailed(request.manifest.id, failure)
      return
    }
    request.failed = [...request.failed, failureOf(decision.target, failure)]
    if (!own.has(failure.code)) health.deviceFailed(request.manifest.id, decision.target, failure)
  }

  #noteSuccess({ manifest }: RequestState, decision: Decision): void {
    const { health } = this.#options
    if (decision.tier === 'server') health.serverAnswered(manifest.id)
    else health.deviceAnswered(manifest.id, decision.target)
  }

  /** Milliseconds after which the server is asked once more: where nothing else could answer now, and the budget has it. */
  #retryDelay(state: ModelState, request: RequestState): number | undefined {
    const { resolver, budget, clock } = this.#options
    const { failure, options, askedAt } = request
    if (request.retried || !failure) return undefined
    if (options.policy !== 'server' && resolver.isLoaded(state, request)) return undefined
    const { deadlineMs } = options
    const left = deadlineMs === undefined ? undefined : askedAt + deadlineMs - clock.now()
    const delay = retryDelay(failure, left)
    return delay !== undefined && budget.take() ? delay : undefined
  }

  async #pause(request: RequestState, ms: number): Promise<void> {
    const { clock } = this.#options
    request.retried = true
    await withAbort(request.options.signal, new Promise<void>((resolve) => clock.after(ms, resolve)))
    request.serverFailed = false
    request.tried.delete('server')
  }
}

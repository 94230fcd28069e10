import type { Clock } from '../../models/async/clock.ts'
import { abortable } from '../../models/async/timeouts.ts'
import { SpillwayError } from '../../models/core/index.ts'
import type { Decision } from './decide.ts'
import { failureOf, final, own, retryDelay } from './failure.ts'
import type { Health } from './health.ts'
import type { Route, Routes } from './model-states.ts'
import type { Judge } from './placement-resolver.ts'
import { type Job, placeOf } from './request-state.ts'
import type { RetryBudget } from './retry-budget.ts'

export interface AttemptsOptions {
  readonly judge: Judge
  readonly health: Health
  readonly routes: Routes
  readonly budget: RetryBudget
  readonly clock: Clock
}

/** Goes where it is placed, and on to another place when that one fails: each is tried once at most. */
export class Attempts {
  readonly #options: AttemptsOptions

  constructor(options: AttemptsOptions) {
    this.#options = options
  }

  /** @param go Does at a place what can be done; it rejects with what the place did wrong. */
  run<T>(route: Route, job: Job, go: (decision: Decision) => Promise<T>): Promise<T> {
    try {
      const decision = this.#options.judge.decide(route, job)
      if (job.failure && job.tried.has(placeOf(decision))) throw job.failure
      return this.begin(decision, job, go)
    } catch (cause) {
      return Promise.reject(cause)
    }
  }

  /** The same from a place that is decided already. */
  begin<T>(decision: Decision, job: Job, go: (decision: Decision) => Promise<T>): Promise<T> {
    return go(decision).then(
      (answer) => {
        this.#noteSuccess(job, decision)
        return answer
      },
      async (cause) => {
        const { routes } = this.#options
        this.settleFailure(job, decision, cause)
        const route = routes.known(job.manifest) ?? (await routes.open(job.manifest))
        const delay = decision.tier === 'server' ? this.#retryDelay(route, job) : undefined
        if (delay !== undefined) await this.#pause(job, delay)
        return this.run(route, job, go)
      },
    )
  }

  /**
   * A failure keeps this request away from the place, and, where it is the place's own, those that come next.
   *
   * @throws SpillwayError The failure, where no other place would mend it.
   */
  settleFailure(job: Job, decision: Decision, cause: unknown): void {
    const { health } = this.#options
    const failure = SpillwayError.from(cause, 'internal', `${job.manifest.id} failed`)
    if (final.has(failure.code)) throw failure
    job.failure = failure
    job.tried.add(placeOf(decision))
    if (decision.tier === 'server') {
      job.serverFailed = true
      if (!own.has(failure.code)) health.serverFailed(job.manifest.id, failure)
      return
    }
    job.failed = [...job.failed, failureOf(decision.fit, failure)]
    if (!own.has(failure.code)) health.deviceFailed(job.manifest.id, decision.fit, failure)
  }

  #noteSuccess({ manifest }: Job, decision: Decision): void {
    const { health } = this.#options
    if (decision.tier === 'server') health.serverAnswered(manifest.id)
    else health.deviceAnswered(manifest.id, decision.fit)
  }

  /** Milliseconds after which the server is asked once more: where nothing else could answer now, and the budget has it. */
  #retryDelay(route: Route, job: Job): number | undefined {
    const { judge, budget, clock } = this.#options
    const { failure, options, askedAt } = job
    if (job.retried || !failure) return undefined
    if (options.policy !== 'server' && judge.isLoaded(route, job)) return undefined
    const { deadlineMs } = options
    const left = deadlineMs === undefined ? undefined : askedAt + deadlineMs - clock.now()
    const delay = retryDelay(failure, left)
    return delay !== undefined && budget.take() ? delay : undefined
  }

  async #pause(job: Job, ms: number): Promise<void> {
    const { clock } = this.#options
    job.retried = true
    await abortable(job.options.signal, new Promise<void>((resolve) => clock.after(ms, resolve)))
    job.serverFailed = false
    job.tried.delete('server')
  }
}

import type { CheckedInputs, Manifest, Policy, RunResult } from '../../models/core/index.ts'
import type { Reader } from '../../workers/host/scheduler/work.ts'
import type { DeviceSession } from '../device/device-session.ts'
import type { Progress } from '../store/worker/load-files.ts'
import { Bridges } from './background-loader.ts'
import type { Decision, DeviceDecision } from './decide.ts'
import { type Placed, Tiers, type TiersOptions, type Unplaced } from './dispatcher.ts'
import { Attempts } from './failover.ts'
import { Health } from './health.ts'
import { hedge } from './hedge.ts'
import { type Route, Routes, type RoutesOptions } from './model-states.ts'
import { type Backlog, Judge } from './placement-resolver.ts'
import { createJob, type Job, type Late, type RouteOptions, startAnew } from './request-state.ts'
import { RetryBudget } from './retry-budget.ts'

export interface RouterOptions extends TiersOptions, RoutesOptions {
  /** Whether the other tier is asked, too, when one is slower than it nearly always is. */
  readonly hedge: boolean
}

/** A place for a stream: the session on the device, or none for the server. */
export interface Place {
  readonly decision: Decision
  readonly session: DeviceSession | undefined
  /** Says that the stream got on here: should this place fail now, all others may be tried again. */
  gotOn(): void
}

/** Takes each request where it is placed, and to another place when that one fails. */
export class Router {
  readonly #options: RouterOptions
  readonly #budget = new RetryBudget()
  readonly #routes: Routes
  readonly #tiers: Tiers
  readonly #judge: Judge
  readonly #bridges: Bridges
  readonly #attempts: Attempts
  readonly #readers = new WeakMap<DeviceDecision, Reader<DeviceSession, RunResult, RouteOptions>>()
  /** When this turn's requests were made. */
  #turn: number | undefined

  constructor(options: RouterOptions) {
    const { clock, remote } = options
    const health = new Health(clock, remote?.breaker)
    this.#options = options
    this.#routes = new Routes(options)
    this.#tiers = new Tiers(options)
    this.#judge = new Judge(options, this.#tiers, health)
    this.#bridges = new Bridges(options, this.#tiers, this.#routes, this.#judge, health)
    this.#attempts = new Attempts({
      judge: this.#judge,
      health,
      routes: this.#routes,
      budget: this.#budget,
      clock,
    })
  }

  /** Makes the model ready where the policy places it now: nothing to wait for where the server answers. */
  async prepare(
    manifest: Manifest,
    options: RouteOptions,
    onProgress?: (progress: Progress) => void,
  ): Promise<void> {
    const { signal } = options
    const job = createJob({ manifest, rows: 1, askedAt: this.#options.clock.now() }, options)
    return this.#place(job, (decision) => {
      if (decision.reason === 'bridge') this.#bridges.load(manifest, signal, onProgress)
      if (decision.tier === 'server') return Promise.resolve()
      return this.#options.device.prepare(this.#tiers.sessionOf(manifest, decision.fit), signal, onProgress)
    })
  }

  /** Loads the model on the device, whatever answers meanwhile. */
  load(manifest: Manifest, signal?: AbortSignal, onProgress?: (progress: Progress) => void): Promise<void> {
    return this.prepare(manifest, { policy: 'device', signal }, onProgress)
  }

  run(manifest: Manifest, inputs: CheckedInputs, options: RouteOptions): Promise<RunResult> {
    const askedAt = this.#askedAt()
    const route = this.#routes.known(manifest)
    const atOnce = route && this.#runAtOnce(route, inputs, askedAt, options)
    if (atOnce) return atOnce
    const { tensors, rows } = inputs
    return this.#runAnywhere(
      { inputs: tensors, rows, askedAt },
      createJob({ manifest, rows, askedAt }, options),
    )
  }

  /** Whether requests go to the server until the device has told what it can do. */
  startsOnServer(policy: Policy): boolean {
    return this.#options.remote !== null && policy !== 'device' && policy !== 'prefer-device'
  }

  /** Where requests were answered so far. */
  get placed(): readonly Placed[] {
    return this.#tiers.placed
  }

  /** What a request would find now. */
  backlog(manifest: Manifest, policy: Policy): Backlog {
    return this.#judge.backlog(manifest, this.#routes.known(manifest), policy)
  }

  /**
   * Takes a stream where it is placed, its model loaded there, and on to the next place when that one fails.
   *
   * @param go Does there what can be done; it rejects with what the place did wrong.
   */
  follow<T>(
    manifest: Manifest,
    options: RouteOptions,
    late: Late,
    go: (place: Place) => Promise<T>,
  ): Promise<T> {
    const { remote, clock } = this.#options
    const askedAt = clock.now()
    const job = createJob({ manifest, rows: 1, askedAt }, options, late)
    const gotOn = () => {
      startAnew(job)
      this.#bridges.answered(manifest)
    }
    return this.#place(job, async (decision) => {
      if (decision.reason === 'bridge') this.#bridges.load(manifest)
      if (decision.tier === 'server') {
        const stream = () => go({ decision, session: undefined, gotOn })
        return remote ? remote.breaker.run(stream) : stream()
      }
      const session = await this.#tiers.loaded(manifest, decision.fit, askedAt, options)
      return go({ decision, session, gotOn })
    })
  }

  /** To the server at once where nothing that the device could tell would change that. */
  #place<T>(job: Job, go: (decision: Decision) => Promise<T>): Promise<T> {
    const { manifest, options } = job
    const route = this.#routes.known(manifest)
    if (route) return this.#attempts.run(route, job, go)
    const unseen = this.#routes.deviceHasTold ? undefined : this.#judge.decideUnseen(manifest, options.policy)
    if (unseen) return this.#attempts.begin(unseen, job, go)
    return this.#routes.open(manifest).then((opened) => this.#attempts.run(opened, job, go))
  }

  /** The way of nearly all requests, kept short since thousands may come in one turn: the device, which has the model loaded. */
  #runAtOnce(
    route: Route,
    { tensors: inputs, rows }: CheckedInputs,
    askedAt: number,
    options: RouteOptions,
  ): Promise<RunResult> | undefined {
    if (this.#options.hedge) return undefined
    const decision = this.#judge.sameDevice(route, options, rows)
    if (!decision) return undefined
    const { manifest } = route
    const source = this.#tiers.sessionOf(manifest, decision.fit)
    const reader = this.#readerOf(manifest, decision)
    return this.#options.device.submit({ source, inputs, rows, askedAt }, options, reader)
  }

  /** Reads all answers of a decision, and takes what failed to another place. */
  #readerOf(manifest: Manifest, decision: DeviceDecision): Reader<DeviceSession, RunResult, RouteOptions> {
    let reader = this.#readers.get(decision)
    if (!reader) {
      reader = {
        read: (answer, { askedAt }) => this.#tiers.result(askedAt, decision, answer),
        recover: async (error, work, options) => {
          const job = createJob({ manifest, rows: work.rows, askedAt: work.askedAt }, options)
          this.#attempts.settleFailure(job, decision, error)
          return this.#runAnywhere(work, job)
        },
      }
      this.#readers.set(decision, reader)
    }
    return reader
  }

  #runAnywhere(work: Unplaced, job: Job): Promise<RunResult> {
    const { manifest, options } = job
    return this.#place(job, (decision) => {
      if (decision.reason === 'bridge') this.#bridges.load(manifest)
      const answer = this.#options.hedge
        ? this.#hedged(job, work, decision)
        : this.#tiers.submit(manifest, work, options, decision)
      if (decision.tier === 'device') return answer
      this.#budget.earn()
      return answer.finally(() => this.#bridges.answered(manifest))
    })
  }

  /** Asks the other tier, too, where the first is slower than it nearly always is. */
  #hedged(job: Job, work: Unplaced, decision: Decision): Promise<RunResult> {
    const { manifest, options } = job
    const route = this.#routes.known(manifest)
    const afterMs = route?.latency[decision.tier].p95
    const ask = (decision: Decision, signal: AbortSignal | undefined) =>
      this.#tiers.submit(manifest, work, { ...options, signal }, decision).then((result) => {
        route?.latency[decision.tier].add(result.timings.totalMs)
        return result
      })
    if (!route || afterMs === undefined || options.policy === 'device' || options.policy === 'server')
      return ask(decision, options.signal)
    const second = (signal: AbortSignal) => {
      const other = this.#judge.other(route, decision, afterMs)
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

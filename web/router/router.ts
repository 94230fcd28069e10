import {
  type CheckedInputs,
  type Manifest,
  type Policy,
  type RunResult,
  SpillwayError,
  type Tier,
} from '../../models/index.ts'
import { abortable } from '../../workers/bounded.ts'
import type { Calibrations } from '../calibration/calibrations.ts'
import type { Capacity } from '../capacity/capacity.ts'
import type { DeviceSession } from '../device/session.ts'
import type { Progress } from '../store/obtain.ts'
import { Balance } from './balance.ts'
import { RetryBudget } from './budget.ts'
import { type Decision, decide, type Live } from './decide.ts'
import { failureOf, final, own, retryDelay } from './failure.ts'
import { type Failure, type Fit, fitDevice, type Obstacle, type Speeds } from './fit.ts'
import { Health } from './health.ts'
import { hedge } from './hedge.ts'
import { createJob, type Job, type Late, placeOf, type RouteOptions, startAnew } from './job.ts'
import { Latency } from './latency.ts'
import { type Placed, Tiers, type TiersOptions, type Unplaced } from './tiers.ts'

export interface RouterOptions extends TiersOptions {
  readonly capacity: Promise<Capacity>
  readonly calibrations: Pick<Calibrations, 'speedsOf'>
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

/** What waits before a request that comes now. */
export interface Backlog {
  readonly queueMs: number
  readonly isSaturated: boolean
}

/** What is kept of a model between requests. */
interface Route {
  readonly balance: Balance
  bridging: boolean
  readonly speeds: Speeds
  readonly latency: Readonly<Record<Tier, Latency>>
  fit: { readonly failed: readonly Failure[]; readonly is: Fit | Obstacle } | undefined
  last: { readonly policy: Policy; readonly live: Live; readonly decision: Decision } | undefined
}

/** Decides where each request runs, runs it there, and takes it to another place when that one fails. */
export class Router {
  readonly #options: RouterOptions
  readonly #health: Health
  readonly #budget = new RetryBudget()
  readonly #routes = new WeakMap<Manifest, Route>()
  readonly #tiers: Tiers
  #capacity: Capacity | undefined
  /** When this turn's requests were made. */
  #turn: number | undefined

  constructor(options: RouterOptions) {
    this.#options = options
    this.#tiers = new Tiers(options)
    this.#health = new Health(options.clock, options.remote?.breaker)
    void options.capacity.then((capacity) => {
      this.#capacity = capacity
    })
  }

  /** Makes the model ready where the policy places it now: nothing to wait for where the server answers. */
  async prepare(
    manifest: Manifest,
    options: RouteOptions,
    onProgress?: (progress: Progress) => void,
  ): Promise<void> {
    const capacity = await this.#options.capacity
    const job = createJob({ manifest, rows: 1, askedAt: this.#options.clock.now() }, options)
    await this.#attempt(capacity, job, (decision) => {
      if (decision.reason === 'bridge') this.#bridge(capacity, manifest, options.signal, onProgress)
      if (decision.tier === 'server') return Promise.resolve()
      return this.#options.device.prepare(
        this.#tiers.sessionOf(manifest, decision.fit),
        options.signal,
        onProgress,
      )
    })
  }

  /** Loads the model on the device, whatever answers meanwhile. */
  load(manifest: Manifest, signal?: AbortSignal, onProgress?: (progress: Progress) => void): Promise<void> {
    return this.prepare(manifest, { policy: 'device', signal }, onProgress)
  }

  run(manifest: Manifest, inputs: CheckedInputs, options: RouteOptions): Promise<RunResult> {
    const work = { inputs: inputs.tensors, rows: inputs.rows, askedAt: this.#askedAt() }
    const capacity = this.#capacity
    if (!capacity)
      return this.#options.capacity.then((known) => this.#runAnywhere(known, manifest, work, options))
    return (
      this.#runAtOnce(capacity, manifest, work, options) ??
      this.#runAnywhere(capacity, manifest, work, options)
    )
  }

  /** Where requests were answered so far. */
  get placed(): readonly Placed[] {
    return this.#tiers.placed
  }

  /** What a request would find now on the tiers that a policy allows: the shorter wait, and whether all refuse it. */
  backlog(manifest: Manifest, policy: Policy): Backlog {
    const { device, remote } = this.#options
    const fit = this.#capacity && this.#fitOf(this.#capacity, manifest, this.#health.failed(manifest.id))
    const waits: number[] = []
    const saturated: boolean[] = []
    if (policy !== 'server' && fit && !('error' in fit)) {
      const session = this.#tiers.sessionOf(manifest, fit)
      if (device.isReady(session)) waits.push(device.estimate(session, 1).queueMs)
      saturated.push(device.isSaturated)
    }
    if (policy !== 'device' && remote) {
      waits.push(remote.estimate(manifest, 1).queueMs)
      saturated.push(remote.isSaturated)
    }
    return {
      queueMs: waits.length === 0 ? 0 : Math.min(...waits),
      isSaturated: saturated.length > 0 && !saturated.includes(false),
    }
  }

  /**
   * Takes a stream where it is placed, its model loaded there, and on to the next place when that one fails.
   *
   * @param go Does there what can be done; it rejects with what the place did wrong.
   */
  async follow<T>(
    manifest: Manifest,
    options: RouteOptions,
    late: Late,
    go: (place: Place) => Promise<T>,
  ): Promise<T> {
    const { remote, clock } = this.#options
    const askedAt = clock.now()
    const capacity = await this.#options.capacity
    const job = createJob({ manifest, rows: 1, askedAt }, options, late)
    const gotOn = () => startAnew(job)
    return this.#attempt(capacity, job, async (decision) => {
      if (decision.reason === 'bridge') this.#bridge(capacity, manifest)
      if (decision.tier === 'server') {
        const stream = () => go({ decision, session: undefined, gotOn })
        return remote ? remote.breaker.run(stream) : stream()
      }
      const session = await this.#tiers.loaded(manifest, decision.fit, askedAt, options)
      return go({ decision, session, gotOn })
    })
  }

  /** The way of nearly all requests, kept short since thousands may come in one turn: the device, which has the model loaded. */
  #runAtOnce(
    capacity: Capacity,
    manifest: Manifest,
    work: Unplaced,
    options: RouteOptions,
  ): Promise<RunResult> | undefined {
    const route = this.#routeOf(manifest)
    const { last } = route
    if (last?.decision.tier !== 'device' || last.policy !== options.policy || this.#options.hedge)
      return undefined
    const { decision, live } = last
    if (live.server !== this.#health.server(manifest.id) || live.failed !== this.#health.failed(manifest.id))
      return undefined
    const source = this.#tiers.sessionOf(manifest, decision.fit)
    if (!this.#options.device.isReady(source)) return undefined
    if (options.policy === 'auto' && this.#late(route, source, work.rows)) return undefined
    return this.#options.device.submit({ ...work, source }, options).then(
      (answer) => this.#tiers.result(work.askedAt, decision, answer),
      (cause) => {
        const job = createJob({ manifest, rows: work.rows, askedAt: work.askedAt }, options)
        this.#settleFailure(job, decision, cause)
        return this.#runAnywhere(capacity, manifest, work, options, job)
      },
    )
  }

  #runAnywhere(
    capacity: Capacity,
    manifest: Manifest,
    work: Unplaced,
    options: RouteOptions,
    job = createJob({ manifest, rows: work.rows, askedAt: work.askedAt }, options),
  ): Promise<RunResult> {
    return this.#attempt(capacity, job, (decision) => {
      if (decision.reason === 'bridge') this.#bridge(capacity, manifest)
      if (decision.tier === 'server') this.#budget.earn()
      if (this.#options.hedge) return this.#hedged(capacity, job, work, decision)
      return this.#tiers.submit(manifest, work, options, decision)
    })
  }

  /** Goes where `decide` says; a failure changes what it says next, and each place is tried once at most. */
  #attempt<T>(capacity: Capacity, job: Job, go: (decision: Decision) => Promise<T>): Promise<T> {
    try {
      const decision = this.#decide(capacity, job)
      if (job.failure && job.tried.has(placeOf(decision))) throw job.failure
      return go(decision).then(
        (answer) => {
          this.#noteSuccess(job, decision)
          return answer
        },
        (cause) => {
          this.#settleFailure(job, decision, cause)
          const again = () => this.#attempt(capacity, job, go)
          const delay = decision.tier === 'server' ? this.#retryDelay(capacity, job) : undefined
          return delay === undefined ? again() : this.#pause(job, delay).then(again)
        },
      )
    } catch (cause) {
      return Promise.reject(cause)
    }
  }

  /** Milliseconds after which the server is asked once more: where nothing else could answer now, and the budget has it. */
  #retryDelay(capacity: Capacity, job: Job): number | undefined {
    const { failure, options, manifest, askedAt } = job
    if (job.retried || !failure) return undefined
    if (options.policy !== 'server' && this.#live(capacity, job, this.#routeOf(manifest)).loaded)
      return undefined
    const { deadlineMs } = options
    const left = deadlineMs === undefined ? undefined : askedAt + deadlineMs - this.#options.clock.now()
    const delay = retryDelay(failure, left)
    return delay !== undefined && this.#budget.take() ? delay : undefined
  }

  async #pause(job: Job, ms: number): Promise<void> {
    const { clock } = this.#options
    job.retried = true
    await abortable(job.options.signal, new Promise<void>((resolve) => clock.after(ms, resolve)))
    job.serverFailed = false
    job.tried.delete('server')
  }

  /** Asks the other tier, too, where the first is slower than it nearly always is. */
  #hedged(capacity: Capacity, job: Job, work: Unplaced, decision: Decision): Promise<RunResult> {
    const { manifest, options } = job
    const route = this.#routeOf(manifest)
    const afterMs = route.latency[decision.tier].p95
    const ask = (decision: Decision, signal: AbortSignal | undefined) =>
      this.#tiers.submit(manifest, work, { ...options, signal }, decision).then((result) => {
        route.latency[decision.tier].add(result.timings.totalMs)
        return result
      })
    if (afterMs === undefined || options.policy === 'device' || options.policy === 'server')
      return ask(decision, options.signal)
    const second = (signal: AbortSignal) => {
      const other = this.#otherTier(capacity, job, decision, afterMs)
      return other && this.#budget.take() ? ask(other, signal) : undefined
    }
    const first = (signal: AbortSignal) => ask(decision, signal)
    return hedge({ clock: this.#options.clock, afterMs, signal: options.signal, first, second })
  }

  /** The tier that was not asked, where it could answer at once. */
  #otherTier(
    capacity: Capacity,
    { manifest }: Job,
    { tier }: Decision,
    afterMs: number,
  ): Decision | undefined {
    const because = `The ${tier} did not answer within ${Math.round(afterMs)} ms`
    if (tier === 'device')
      return this.#health.server(manifest.id) === 'available'
        ? { tier: 'server', reason: 'hedge', because }
        : undefined
    const fit = this.#fitOf(capacity, manifest, this.#health.failed(manifest.id))
    if ('error' in fit || !this.#options.device.isReady(this.#tiers.sessionOf(manifest, fit)))
      return undefined
    return { tier: 'device', fit, reason: 'hedge', because }
  }

  /** Loads on the device what the server answers meanwhile. */
  #bridge(
    capacity: Capacity,
    manifest: Manifest,
    signal?: AbortSignal,
    onProgress?: (progress: Progress) => void,
  ): void {
    const route = this.#routeOf(manifest)
    const fit = this.#fitOf(capacity, manifest, this.#health.failed(manifest.id))
    if ('error' in fit || (route.bridging && !onProgress)) return
    route.bridging = true
    this.#options.device
      .prepare(this.#tiers.sessionOf(manifest, fit), signal, onProgress)
      .catch((cause) => {
        const failure = SpillwayError.from(cause, 'internal', `${manifest.id} failed`)
        if (!final.has(failure.code)) this.#health.deviceFailed(manifest.id, fit, failure)
      })
      .finally(() => {
        route.bridging = false
      })
  }

  /** Once a place has failed, what is told is how it failed, not that nothing else is left. */
  #decide(capacity: Capacity, job: Job): Decision {
    const { manifest, failure } = job
    const { policy } = job.options
    try {
      const route = this.#routeOf(manifest)
      const live = this.#live(capacity, job, route)
      const { last } = route
      // The same question as before, as nearly always: thousands of requests a second ask it.
      if (last && last.policy === policy && !live.late && sameLive(live, last.live)) return last.decision
      const decision = decide(capacity, manifest, policy, live)
      route.last = { policy, live, decision }
      return decision
    } catch (cause) {
      throw failure ?? cause
    }
  }

  #live(capacity: Capacity, job: Job, route: Route): Live {
    const { manifest, rows, options, failed: mine, serverFailed } = job
    const { device } = this.#options
    const { speeds } = route
    const known = this.#health.failed(manifest.id)
    const failed = mine.length === 0 ? known : [...known, ...mine]
    const health = this.#health.server(manifest.id)
    const server = serverFailed && health === 'available' ? 'unavailable' : health
    const fit = this.#fitOf(capacity, manifest, failed)
    if ('error' in fit) return { server, failed, speeds, loaded: false, late: undefined }
    const session = this.#tiers.sessionOf(manifest, fit)
    const loaded = device.isReady(session)
    const compared = options.policy === 'auto' && loaded && server === 'available'
    const late = job.late ?? (() => this.#late(route, session, rows))
    return { server, failed, speeds, loaded, late: compared ? late(session) : undefined }
  }

  /** The same as before, as nearly always. */
  #fitOf(capacity: Capacity, manifest: Manifest, failed: readonly Failure[]): Fit | Obstacle {
    const route = this.#routeOf(manifest)
    if (route.fit?.failed === failed) return route.fit.is
    const is = fitDevice(capacity, manifest, { failed, speeds: route.speeds })
    route.fit = { failed, is }
    return is
  }

  /** When each tier would answer, where the device is so late that the server should. */
  #late(route: Route, session: DeviceSession, rows: number): Live['late'] {
    const { device, remote } = this.#options
    if (!remote || this.#health.server(session.manifest.id) !== 'available') return undefined
    const there = remote.estimate(session.manifest, rows)
    const here = device.estimate(session, rows)
    return route.balance.weigh(here.queueMs + here.runMs, there.queueMs + there.runMs)
  }

  #routeOf(manifest: Manifest): Route {
    let route = this.#routes.get(manifest)
    if (!route) {
      const speeds = this.#options.calibrations.speedsOf(manifest)
      route = {
        balance: new Balance(),
        bridging: false,
        speeds,
        latency: { device: new Latency(), server: new Latency() },
        fit: undefined,
        last: undefined,
      }
      this.#routes.set(manifest, route)
    }
    return route
  }

  #noteSuccess({ manifest }: Job, decision: Decision): void {
    if (decision.tier === 'server') this.#health.serverAnswered(manifest.id)
    else this.#health.deviceAnswered(manifest.id, decision.fit)
  }

  /** A failure keeps this request away from the place, and, where it is the place's own, those that come next. */
  #settleFailure(job: Job, decision: Decision, cause: unknown): void {
    const failure = SpillwayError.from(cause, 'internal', `${job.manifest.id} failed`)
    if (final.has(failure.code)) throw failure
    job.failure = failure
    job.tried.add(placeOf(decision))
    if (decision.tier === 'server') {
      job.serverFailed = true
      if (!own.has(failure.code)) this.#health.serverFailed(job.manifest.id, failure)
      return
    }
    job.failed = [...job.failed, failureOf(decision.fit, failure)]
    if (!own.has(failure.code)) this.#health.deviceFailed(job.manifest.id, decision.fit, failure)
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

const sameLive = (one: Live, other: Live) =>
  one.server === other.server && one.loaded === other.loaded && one.failed === other.failed && !other.late

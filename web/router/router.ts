import {
  type CheckedInputs,
  type ErrorCode,
  type Manifest,
  type Placement,
  type Policy,
  type RunResult,
  SpillwayError,
} from '../../models/index.ts'
import { untilDeadline } from '../../workers/bounded.ts'
import type { Clock } from '../../workers/clock.ts'
import type { Answer, WaitOptions, Work } from '../../workers/scheduler/work.ts'
import type { Calibrations } from '../calibration/calibrations.ts'
import type { Capacity } from '../capacity/capacity.ts'
import type { DeviceTier } from '../device/device.ts'
import type { DeviceSession } from '../device/session.ts'
import type { RemoteTier } from '../remote/remote.ts'
import type { Progress } from '../store/obtain.ts'
import { Balance } from './balance.ts'
import { type Decision, decide, type Live } from './decide.ts'
import { type Failure, type Fit, fitDevice, placeKey, type Speeds } from './fit.ts'
import { failureOf, Health, nothingFailed } from './health.ts'

export interface RouterOptions {
  readonly capacity: Promise<Capacity>
  readonly device: DeviceTier
  readonly remote: RemoteTier | null
  readonly calibrations: Calibrations
  readonly clock: Clock
}

export interface RouteOptions extends WaitOptions {
  readonly policy: Policy
}

/** When each tier would answer, where the device is so late that the server should. */
export type Late = (session: DeviceSession) => Live['late']

/** A place for a stream: the session on the device, or none for the server. */
export interface Place {
  readonly decision: Decision
  readonly session: DeviceSession | undefined
  /** Says that the stream got on here: should this place fail now, all others may be tried again. */
  gotOn(): void
}

/** A request on its way, and where it has been. */
interface Job {
  readonly manifest: Manifest
  readonly rows: number
  readonly options: RouteOptions
  readonly tried: string[]
  /** The last failure: what is told when no place is left. */
  failure: SpillwayError | undefined
  /** Where on the device this request failed. */
  failed: readonly Failure[]
  serverFailed: boolean
  /** How late the device would be, where its batches do not say it. */
  readonly late: Late | undefined
}

/** What is kept of a model between requests. */
interface Route {
  readonly balance: Balance
  bridging: boolean
  readonly speeds: Speeds
  last: { readonly policy: Policy; readonly live: Live; readonly decision: Decision } | undefined
}

/** Failures that no other place would mend. */
const final: ReadonlySet<ErrorCode> = new Set([
  'aborted',
  'closed',
  'context_exceeded',
  'deadline_exceeded',
  'input_name_invalid',
  'input_shape_invalid',
  'input_size_invalid',
  'input_type_invalid',
  'output_name_invalid',
  'request_malformed',
])

/** Failures of a request, and not of the place where it ran: they are not held against the place. */
const own: ReadonlySet<ErrorCode> = new Set([
  'body_too_large',
  'input_value_invalid',
  'model_output_invalid',
  'not_supported',
  'run_failed',
])

/** Decides where each request runs, runs it there, and takes it to another place when that one fails. */
export class Router {
  readonly #options: RouterOptions
  readonly #health: Health
  readonly #routes = new WeakMap<Manifest, Route>()
  readonly #sessions = new WeakMap<Fit, DeviceSession>()
  #lastPlacement: { decision: Decision; ranOn: Answer['ranOn']; placement: Placement } | undefined
  #capacity: Capacity | undefined
  /** When this turn's requests were made. */
  #turn: number | undefined

  constructor(options: RouterOptions) {
    this.#options = options
    this.#health = new Health(options.clock, options.remote !== null)
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
    await this.#attempt(capacity, createJob(manifest, 1, options), (decision) => {
      if (decision.reason === 'bridge') this.#bridge(capacity, manifest, options.signal, onProgress)
      if (decision.tier === 'server') return Promise.resolve()
      return this.#options.device.prepare(this.#sessionOf(manifest, decision.fit), options.signal, onProgress)
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
    const { device, clock } = this.#options
    const askedAt = clock.now()
    const capacity = await this.#options.capacity
    const job = createJob(manifest, 1, options, late)
    const gotOn = () => {
      job.tried.length = 0
      job.failure = undefined
      job.failed = nothingFailed
      job.serverFailed = false
    }
    const { answer } = await this.#attempt(capacity, job, async (decision) => {
      if (decision.reason === 'bridge') this.#bridge(capacity, manifest)
      if (decision.tier === 'server') return go({ decision, session: undefined, gotOn })
      const session = this.#sessionOf(manifest, decision.fit)
      const deadline = options.deadlineMs === undefined ? undefined : askedAt + options.deadlineMs
      await untilDeadline(clock, deadline, options.signal, (signal) => device.prepare(session, signal))
      return go({ decision, session, gotOn })
    })
    return answer
  }

  /** The way of nearly all requests, kept short since thousands may come in one turn: the device, which has the model loaded. */
  #runAtOnce(
    capacity: Capacity,
    manifest: Manifest,
    work: Omit<Work, 'source'>,
    options: RouteOptions,
  ): Promise<RunResult> | undefined {
    const route = this.#routeOf(manifest)
    const { last } = route
    if (last?.decision.tier !== 'device' || last.policy !== options.policy) return undefined
    const { decision, live } = last
    if (live.server !== this.#health.server || live.failed !== this.#health.failed(manifest.id))
      return undefined
    const source = this.#sessionOf(manifest, decision.fit)
    if (!this.#options.device.isReady(source)) return undefined
    if (options.policy === 'auto' && this.#late(route, source, work.rows)) return undefined
    return this.#options.device.submit({ ...work, source }, options).then(
      (answer) => this.#result(work.askedAt, decision, answer),
      (cause) => {
        const job = createJob(manifest, work.rows, options)
        this.#settleFailure(job, decision, cause)
        return this.#runAnywhere(capacity, manifest, work, options, job)
      },
    )
  }

  #runAnywhere(
    capacity: Capacity,
    manifest: Manifest,
    work: Omit<Work, 'source'>,
    options: RouteOptions,
    job = createJob(manifest, work.rows, options),
  ): Promise<RunResult> {
    return this.#attempt(capacity, job, (decision) => {
      if (decision.reason === 'bridge') this.#bridge(capacity, manifest)
      return this.#submit(manifest, work, options, decision)
    }).then(({ answer, decision }) => this.#result(work.askedAt, decision, answer))
  }

  /** Goes where `decide` says; a failure changes what it says next, and each place is tried once at most. */
  #attempt<T>(capacity: Capacity, job: Job, go: (decision: Decision) => Promise<T>): Promise<Arrival<T>> {
    try {
      const decision = this.#decide(capacity, job)
      const place = placeOf(decision)
      if (job.failure && job.tried.includes(place)) throw job.failure
      return go(decision).then(
        (answer) => {
          this.#noteSuccess(job, decision)
          return { answer, decision }
        },
        (cause) => {
          this.#settleFailure(job, decision, cause)
          return this.#attempt(capacity, job, go)
        },
      )
    } catch (cause) {
      return Promise.reject(cause)
    }
  }

  #submit(
    manifest: Manifest,
    work: Omit<Work, 'source'>,
    options: RouteOptions,
    decision: Decision,
  ): Promise<Answer> {
    const { device, remote, clock } = this.#options
    if (decision.tier === 'server') {
      if (!remote) throw new SpillwayError('server_absent', 'The runtime has no server')
      return remote.submit(manifest, work, options)
    }
    const source = this.#sessionOf(manifest, decision.fit)
    if (device.isReady(source)) return device.submit({ ...work, source }, options)
    const deadline = options.deadlineMs === undefined ? undefined : work.askedAt + options.deadlineMs
    return untilDeadline(clock, deadline, options.signal, (signal) => device.prepare(source, signal)).then(
      () => device.submit({ ...work, source }, options),
    )
  }

  #result(askedAt: number, decision: Decision, answer: Answer): RunResult {
    const { outputs, ranOn, queueMs, computeMs, answeredAt } = answer
    return {
      outputs,
      placement: this.#placementOf(decision, ranOn),
      timings: { totalMs: answeredAt - askedAt, queueMs, computeMs },
    }
  }

  /** One object for all the requests of a decision that one batch answered: there can be thousands. */
  #placementOf(decision: Decision, ranOn: Answer['ranOn']): Placement {
    const last = this.#lastPlacement
    if (last && last.decision === decision && last.ranOn === ranOn) return last.placement
    const { tier, reason, because } = decision
    const placement = { tier, backend: ranOn.backend, variant: ranOn.variant, reason, because }
    this.#lastPlacement = { decision, ranOn, placement }
    return placement
  }

  /** Loads on the device what the server answers meanwhile. */
  #bridge(
    capacity: Capacity,
    manifest: Manifest,
    signal?: AbortSignal,
    onProgress?: (progress: Progress) => void,
  ): void {
    const route = this.#routeOf(manifest)
    const failed = this.#health.failed(manifest.id)
    const fit = fitDevice(capacity, manifest, { failed, speeds: route.speeds })
    if ('error' in fit || (route.bridging && !onProgress)) return
    route.bridging = true
    this.#options.device
      .prepare(this.#sessionOf(manifest, fit), signal, onProgress)
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
    const { manifest, rows, options, failed: own, serverFailed } = job
    const { device } = this.#options
    const server = serverFailed && this.#health.server === 'available' ? 'unavailable' : this.#health.server
    const known = this.#health.failed(manifest.id)
    const failed = own.length === 0 ? known : [...known, ...own]
    const { speeds } = route
    const { last } = route
    const same = last?.live.failed === failed && last.decision.tier === 'device'
    const fit = same ? last.decision.fit : fitDevice(capacity, manifest, { failed, speeds })
    if ('error' in fit) return { server, failed, speeds, loaded: false, late: undefined }
    const session = this.#sessionOf(manifest, fit)
    const loaded = device.isReady(session)
    const compared = options.policy === 'auto' && loaded && server === 'available'
    const late = job.late ?? (() => this.#late(route, session, rows))
    return { server, failed, speeds, loaded, late: compared ? late(session) : undefined }
  }

  /** When each tier would answer, where the device is so late that the server should. */
  #late(route: Route, session: DeviceSession, rows: number): Live['late'] {
    const { device, remote } = this.#options
    if (!remote || this.#health.server !== 'available') return undefined
    const there = remote.estimate(session.manifest, rows)
    const here = device.estimate(session, rows)
    return route.balance.weigh(here.queueMs + here.runMs, there.queueMs + there.runMs)
  }

  #routeOf(manifest: Manifest): Route {
    let route = this.#routes.get(manifest)
    if (!route) {
      const speeds = this.#options.calibrations.speedsOf(manifest)
      route = { balance: new Balance(), bridging: false, speeds, last: undefined }
      this.#routes.set(manifest, route)
    }
    return route
  }

  #sessionOf(manifest: Manifest, fit: Fit): DeviceSession {
    let session = this.#sessions.get(fit)
    if (!session) {
      session = this.#options.device.session(manifest, fit.variant, fit.backend)
      this.#sessions.set(fit, session)
    }
    return session
  }

  #noteSuccess({ manifest }: Job, decision: Decision): void {
    if (decision.tier === 'server') this.#health.serverAnswered()
    else this.#health.deviceAnswered(manifest.id, decision.fit)
  }

  /** A failure keeps this request away from the place, and, where it is the place's own, those that come next. */
  #settleFailure(job: Job, decision: Decision, cause: unknown): void {
    const failure = SpillwayError.from(cause, 'internal', `${job.manifest.id} failed`)
    if (final.has(failure.code)) throw failure
    job.failure = failure
    job.tried.push(placeOf(decision))
    if (decision.tier === 'server') {
      job.serverFailed = true
      if (!own.has(failure.code)) this.#health.serverFailed()
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

/** Where a request got to, and what it got there. */
interface Arrival<T> {
  readonly answer: T
  readonly decision: Decision
}

const createJob = (manifest: Manifest, rows: number, options: RouteOptions, late?: Late): Job => ({
  manifest,
  rows,
  options,
  tried: [],
  failure: undefined,
  failed: nothingFailed,
  serverFailed: false,
  late,
})

const placeOf = (decision: Decision) => (decision.tier === 'server' ? 'server' : placeKey(decision.fit))

const sameLive = (one: Live, other: Live) =>
  one.server === other.server && one.loaded === other.loaded && one.failed === other.failed && !other.late

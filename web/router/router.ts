import {
  type CheckedInputs,
  type ErrorCode,
  type Manifest,
  type Placement,
  type Policy,
  type RunResult,
  SpillwayError,
} from '../../models/index.ts'
import type { Clock } from '../../workers/clock.ts'
import type { Answer, WaitOptions } from '../../workers/scheduler/work.ts'
import type { Capacity } from '../capacity/capacity.ts'
import type { DeviceTier } from '../device/device.ts'
import type { DeviceSession } from '../device/session.ts'
import type { RemoteTier } from '../remote/remote.ts'
import type { Progress } from '../store/obtain.ts'
import { Balance } from './balance.ts'
import { type Decision, decide, type Fit, fitDevice, type Live } from './decide.ts'
import { Health } from './health.ts'

export interface RouterOptions {
  readonly capacity: Promise<Capacity>
  readonly device: DeviceTier
  readonly remote: RemoteTier | null
  readonly clock: Clock
}

export interface RouteOptions extends WaitOptions {
  readonly policy: Policy
}

/** A request on its way, and where it has been. */
interface Job {
  readonly manifest: Manifest
  readonly inputs: CheckedInputs
  readonly options: RouteOptions
  readonly askedAt: number
  readonly tried: string[]
  failure: SpillwayError | undefined
}

/** What is kept of a model between requests. */
interface Route {
  readonly balance: Balance
  bridging: boolean
  last: { readonly policy: Policy; readonly live: Live; readonly decision: Decision } | undefined
}

/** Failures after which another place may do better. */
const deviceFailures: ReadonlySet<ErrorCode> = new Set([
  'lane_failed',
  'model_invalid',
  'run_failed',
  'capacity_insufficient',
  'file_missing',
  'file_truncated',
  'file_altered',
  'server_unreachable',
  'server_timeout',
])
const serverFailures: ReadonlySet<ErrorCode> = new Set([
  'server_unreachable',
  'server_timeout',
  'server_response_invalid',
  'overloaded',
  'closed',
])

/** Decides where each request runs, runs it there, and takes it to another place when that one fails. */
export class Router {
  readonly #options: RouterOptions
  readonly #health: Health
  readonly #routes = new WeakMap<Manifest, Route>()
  readonly #sessions = new WeakMap<Fit, DeviceSession>()
  #lastPlacement: { decision: Decision; ranOn: Answer['ranOn']; placement: Placement } | undefined
  #capacity: Capacity | undefined

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
    { policy, signal }: RouteOptions,
    onProgress?: (progress: Progress) => void,
  ): Promise<void> {
    const capacity = await this.#options.capacity
    const tried: string[] = []
    for (let failure: SpillwayError | undefined; ; ) {
      const decision = this.#decide(capacity, manifest, policy, 1, failure)
      if (decision.reason === 'bridge') this.#bridge(capacity, manifest, signal, onProgress)
      if (decision.tier === 'server') return
      const place = placeOf(decision)
      if (failure && tried.includes(place)) throw failure
      tried.push(place)
      try {
        await this.#options.device.prepare(this.#sessionOf(manifest, decision.fit), signal, onProgress)
        return
      } catch (cause) {
        failure = SpillwayError.from(cause, 'internal', `${manifest.id} failed`)
        if (!this.#noteFailure(manifest, decision, failure)) throw failure
      }
    }
  }

  /** Loads the model on the device, whatever answers meanwhile. */
  async load(
    manifest: Manifest,
    signal?: AbortSignal,
    onProgress?: (progress: Progress) => void,
  ): Promise<void> {
    return this.prepare(manifest, { policy: 'device', signal }, onProgress)
  }

  run(manifest: Manifest, inputs: CheckedInputs, options: RouteOptions): Promise<RunResult> {
    const askedAt = this.#options.clock.now()
    const job: Job = { manifest, inputs, options, askedAt, tried: [], failure: undefined }
    const capacity = this.#capacity
    return capacity
      ? this.#attempt(capacity, job)
      : this.#options.capacity.then((known) => this.#attempt(known, job))
  }

  /** Runs where `decide` says; a failure changes what it says next, and each place is tried once at most. */
  #attempt(capacity: Capacity, job: Job): Promise<RunResult> {
    try {
      const decision = this.#decide(capacity, job.manifest, job.options.policy, job.inputs.rows, job.failure)
      const place = placeOf(decision)
      if (job.failure && job.tried.includes(place)) throw job.failure
      job.tried.push(place)
      if (decision.reason === 'bridge') this.#bridge(capacity, job.manifest)
      return this.#submit(job, decision).then(
        (answer) => this.#result(job, decision, answer),
        (cause) => {
          job.failure = SpillwayError.from(cause, 'internal', `${job.manifest.id} failed`)
          if (!this.#noteFailure(job.manifest, decision, job.failure)) throw job.failure
          return this.#attempt(capacity, job)
        },
      )
    } catch (cause) {
      return Promise.reject(cause)
    }
  }

  #submit({ manifest, inputs, options, askedAt }: Job, decision: Decision): Promise<Answer> {
    const { device, remote } = this.#options
    if (decision.tier === 'server') {
      if (!remote) throw new SpillwayError('server_absent', 'The runtime has no server')
      return remote.submit(manifest, { inputs: inputs.tensors, rows: inputs.rows, askedAt }, options)
    }
    const source = this.#sessionOf(manifest, decision.fit)
    const submit = () =>
      device.submit({ source, inputs: inputs.tensors, rows: inputs.rows, askedAt }, options)
    return device.isReady(source) ? submit() : device.prepare(source, options.signal).then(submit)
  }

  #result({ manifest, askedAt }: Job, decision: Decision, answer: Answer): RunResult {
    if (decision.tier === 'server') this.#health.serverAnswered()
    else this.#health.deviceAnswered(manifest.id, decision.fit.backend)
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
    const found = fitDevice(capacity, manifest, this.#health.failed(manifest.id))
    if ('error' in found || (route.bridging && !onProgress)) return
    route.bridging = true
    this.#options.device
      .prepare(this.#sessionOf(manifest, found), signal, onProgress)
      .catch((cause) => {
        const failure = SpillwayError.from(cause, 'internal', `${manifest.id} failed`)
        this.#noteFailure(
          manifest,
          { tier: 'device', fit: found, reason: 'device-failed', because: '' },
          failure,
        )
      })
      .finally(() => {
        route.bridging = false
      })
  }

  /** Once a place has failed, what is told is how it failed, not that nothing else is left. */
  #decide(
    capacity: Capacity,
    manifest: Manifest,
    policy: Policy,
    rows: number,
    failure: SpillwayError | undefined,
  ): Decision {
    try {
      const route = this.#routeOf(manifest)
      const live = this.#live(capacity, manifest, policy, rows, route)
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

  #live(capacity: Capacity, manifest: Manifest, policy: Policy, rows: number, route: Route): Live {
    const { device, remote } = this.#options
    const { server } = this.#health
    const failed = this.#health.failed(manifest.id)
    const found =
      route.last?.live.failed === failed && route.last.decision.tier === 'device'
        ? route.last.decision.fit
        : fitDevice(capacity, manifest, failed)
    if ('error' in found) return { server, failed, loaded: false, late: undefined }
    const session = this.#sessionOf(manifest, found)
    const loaded = device.isReady(session)
    if (policy !== 'auto' || !loaded || !remote || server !== 'available')
      return { server, failed, loaded, late: undefined }
    const there = remote.estimate(manifest, rows)
    const here = device.estimate(session, rows)
    return {
      server,
      failed,
      loaded,
      late: route.balance.weigh(here.queueMs + here.runMs, there.queueMs + there.runMs),
    }
  }

  #routeOf(manifest: Manifest): Route {
    let route = this.#routes.get(manifest)
    if (!route) {
      route = { balance: new Balance(), bridging: false, last: undefined }
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

  /** Keeps how an attempt went; true where another place may do better. */
  #noteFailure(manifest: Manifest, decision: Decision, failure: SpillwayError): boolean {
    if (decision.tier === 'server') {
      // A server that made a request miss its deadline is as good as down, for those that have a choice.
      if (serverFailures.has(failure.code) || failure.code === 'deadline_exceeded')
        this.#health.serverFailed()
      return serverFailures.has(failure.code)
    }
    if (!deviceFailures.has(failure.code)) return false
    this.#health.deviceFailed(manifest.id, decision.fit.backend, failure)
    return true
  }
}

const placeOf = (decision: Decision) =>
  decision.tier === 'server' ? 'server' : `device/${decision.fit.backend}`

const sameLive = (one: Live, other: Live) =>
  one.server === other.server && one.loaded === other.loaded && one.failed === other.failed && !other.late

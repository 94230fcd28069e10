import type { Clock } from '../../models/async/clock.ts'
import { untilDeadline } from '../../models/async/timeouts.ts'
import { type Manifest, type Placement, type RunResult, SpillwayError } from '../../models/core/index.ts'
import { type Answer, plainly, type WaitOptions, type Work } from '../../workers/host/scheduler/work.ts'
import type { DeviceSession } from '../device/device-session.ts'
import type { DeviceTier } from '../device/device-tier.ts'
import type { RemoteTier } from '../remote/remote-tier.ts'
import type { Decision } from './decide.ts'
import type { Fit } from './device-target.ts'

export interface TiersOptions {
  readonly device: Pick<DeviceTier, 'session' | 'isReady' | 'prepare' | 'submit' | 'estimate' | 'isSaturated'>
  readonly remote: Pick<RemoteTier, 'breaker' | 'submit' | 'estimate' | 'isSaturated'> | null
  readonly clock: Clock
}

/** Requests that were answered at one place for one reason. */
export interface Placed {
  readonly placement: Placement
  requests: number
}

/** A request as the router has it: where it runs is not said yet. */
export type Unplaced = Omit<Work, 'source'>

/** The device and the server, asked as a decision says. */
export class Tiers {
  readonly #options: TiersOptions
  readonly #sessions = new WeakMap<Fit, DeviceSession>()
  #lastPlacement: { decision: Decision; ranOn: Answer['ranOn']; placed: Placed } | undefined
  readonly #placed = new Map<string, Placed>()

  constructor(options: TiersOptions) {
    this.#options = options
  }

  /** Where requests were answered so far, by place and reason. */
  get placed(): readonly Placed[] {
    return [...this.#placed.values()]
  }

  sessionOf(manifest: Manifest, fit: Fit): DeviceSession {
    let session = this.#sessions.get(fit)
    if (!session) {
      session = this.#options.device.session(manifest, fit.variant, fit.backend)
      this.#sessions.set(fit, session)
    }
    return session
  }

  submit(manifest: Manifest, work: Unplaced, options: WaitOptions, decision: Decision): Promise<RunResult> {
    return this.#answer(manifest, work, options, decision).then((answer) =>
      this.result(work.askedAt, decision, answer),
    )
  }

  /** The session of a fit once it is loaded, before the request's deadline. */
  async loaded(manifest: Manifest, fit: Fit, askedAt: number, options: WaitOptions): Promise<DeviceSession> {
    const { device, clock } = this.#options
    const { deadlineMs, signal } = options
    const session = this.sessionOf(manifest, fit)
    const deadline = deadlineMs === undefined ? undefined : askedAt + deadlineMs
    await untilDeadline(clock, deadline, signal, (stop) => device.prepare(session, stop))
    return session
  }

  /** The answer with where it came from, and why from there. */
  result(askedAt: number, decision: Decision, answer: Answer): RunResult {
    const { outputs, ranOn, queueMs, computeMs, answeredAt } = answer
    return {
      outputs,
      placement: this.#placementOf(decision, ranOn),
      timings: { totalMs: answeredAt - askedAt, queueMs, computeMs },
    }
  }

  #answer(manifest: Manifest, work: Unplaced, options: WaitOptions, decision: Decision): Promise<Answer> {
    const { device, remote } = this.#options
    if (decision.tier === 'server') {
      if (!remote) throw new SpillwayError('server_absent', 'The runtime has no server')
      return remote.submit(manifest, work, options)
    }
    const source = this.sessionOf(manifest, decision.fit)
    if (device.isReady(source)) return device.submit({ ...work, source }, options, plainly)
    return this.loaded(manifest, decision.fit, work.askedAt, options).then(() =>
      device.submit({ ...work, source }, options, plainly),
    )
  }

  /** One object for all the requests of a decision that one batch answered: there can be thousands. */
  #placementOf(decision: Decision, ranOn: Answer['ranOn']): Placement {
    const last = this.#lastPlacement
    if (last && last.decision === decision && last.ranOn === ranOn) {
      last.placed.requests++
      return last.placed.placement
    }
    const { tier, reason, because } = decision
    const { backend, variant } = ranOn
    const placement = { tier, backend, variant, reason, because }
    const key = [tier, backend, variant, reason].join('/')
    // What is told of them is the last one's words: figures in them change.
    const placed = { placement, requests: (this.#placed.get(key)?.requests ?? 0) + 1 }
    this.#placed.set(key, placed)
    this.#lastPlacement = { decision, ranOn, placed }
    return placement
  }
}

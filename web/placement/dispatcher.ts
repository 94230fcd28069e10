import type { Clock } from '../../models/async/clock.ts'
import { untilDeadline } from '../../models/async/timeouts.ts'
import { type Manifest, type Placement, type RunResult, SpillwayError } from '../../models/core/index.ts'
import {
  passThrough,
  type RunAnswer,
  type WaitOptions,
  type Work,
} from '../../workers/host/scheduler/work.ts'
import type { DeviceSession } from '../device/device-session.ts'
import type { DeviceTier } from '../device/device-tier.ts'
import type { RemoteTier } from '../remote/remote-tier.ts'
import type { Decision } from './decide.ts'
import type { DeviceTarget } from './device-target.ts'

export interface DispatcherOptions {
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
export class Dispatcher {
  readonly #options: DispatcherOptions
  readonly #sessions = new WeakMap<DeviceTarget, DeviceSession>()
  #lastPlacement: { decision: Decision; executedOn: RunAnswer['executedOn']; placed: Placed } | undefined
  readonly #placed = new Map<string, Placed>()

  constructor(options: DispatcherOptions) {
    this.#options = options
  }

  /** Where requests were answered so far, by place and reason. */
  get placed(): readonly Placed[] {
    return [...this.#placed.values()]
  }

  sessionOf(manifest: Manifest, target: DeviceTarget): DeviceSession {
    let session = this.#sessions.get(target)
    if (!session) {
      session = this.#options.device.session(manifest, target.variant, target.backend)
      this.#sessions.set(target, session)
    }
    return session
  }

  submit(manifest: Manifest, work: Unplaced, options: WaitOptions, decision: Decision): Promise<RunResult> {
    return this.#answer(manifest, work, options, decision).then((answer) =>
      this.result(work.askedAt, decision, answer),
    )
  }

  /** The session of a fit once it is loaded, before the request's deadline. */
  async loaded(
    manifest: Manifest,
    target: DeviceTarget,
    askedAt: number,
    options: WaitOptions,
  ): Promise<DeviceSession> {
    const { device, clock } = this.#options
    const { deadlineMs, signal } = options
    const session = this.sessionOf(manifest, target)
    const deadline = deadlineMs === undefined ? undefined : askedAt + deadlineMs
    await untilDeadline(clock, deadline, signal, (stop) => device.prepare(session, stop))
    return session
  }

  /** The answer with where it came from, and why from there. */
  result(askedAt: number, decision: Decision, answer: RunAnswer): RunResult {
    const { outputs, executedOn, queueMs, computeMs, answeredAt } = answer
    return {
      outputs,
      placement: this.#placementOf(decision, executedOn),
      timings: { totalMs: answeredAt - askedAt, queueMs, computeMs },
    }
  }

  #answer(manifest: Manifest, work: Unplaced, options: WaitOptions, decision: Decision): Promise<RunAnswer> {
    const { device, remote } = this.#options
    if (decision.tier === 'server') {
      if (!remote) throw new SpillwayError('server_absent', 'The runtime has no server')
      return remote.submit(manifest, work, options)
    }
    const source = this.sessionOf(manifest, decision.target)
    if (device.isReady(source)) return device.submit({ ...work, source }, options, passThrough)
    return this.loaded(manifest, decision.target, work.askedAt, options).then(() =>
      device.submit({ ...work, source }, options, passThrough),
    )
  }

  /** One object for all the requests of a decision that one batch answered: there can be thousands. */
  #placementOf(decision: Decision, executedOn: RunAnswer['executedOn']): Placement {
    const last = this.#lastPlacement
    if (last && last.decision === decision && last.executedOn === executedOn) {
      last.placed.requests++
      return last.placed.placement
    }
    const { tier, reason, explanation } = decision
    const { backend, variant } = executedOn
    const placement = { tier, backend, variant, reason, explanation }
    const key = [tier, backend, variant, reason].join('/')
    // What is told of them is the last one's words: figures in them change.
    const placed = { placement, requests: (this.#placed.get(key)?.requests ?? 0) + 1 }
    this.#placed.set(key, placed)
    this.#lastPlacement = { decision, executedOn, placed }
    return placement
  }
}

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
import type { Decision } from './decide-placement.ts'
import type { Resolution } from './placement-resolver.ts'
import type { SecondBackend } from './second-backend.ts'

/** Both tiers, as placement needs them. */
export interface TierClients {
  /** Loads models on a second backend, once its code is here; absent where there is one backend. */
  readonly secondBackend?: (
    ...parts: ConstructorParameters<typeof SecondBackend>
  ) => SecondBackend | undefined
  readonly device: Pick<
    DeviceTier,
    | 'session'
    | 'isReady'
    | 'isLoaded'
    | 'onReady'
    | 'calibrate'
    | 'prepare'
    | 'unload'
    | 'hasRoomFor'
    | 'whenQuiet'
    | 'submit'
    | 'estimate'
    | 'finishMs'
    | 'costOf'
    | 'isSaturated'
  >
  /** `null`: the runtime has no server. */
  readonly remote: Pick<RemoteTier, 'breaker' | 'submit' | 'estimate' | 'isSaturated'> | null
  readonly clock: Clock
}

/** How many requests one tier, backend and variant answered for one reason. */
export interface PlacementCount {
  readonly placement: Placement
  requests: number
}

/** A request that is not placed yet. */
export type UnplacedWork = Omit<Work, 'source'>

/** Hands a request to the tier that was decided for it. */
export class Dispatcher {
  readonly #tiers: TierClients
  readonly #counts = new Map<string, PlacementCount>()
  /** The count of the last answer, so that those of one batch share a placement and build no key. */
  #last: { decision: Decision; executedOn: RunAnswer['executedOn']; count: PlacementCount } | undefined

  constructor(tiers: TierClients) {
    this.#tiers = tiers
  }

  /** Where requests were answered so far. */
  get placements(): readonly PlacementCount[] {
    return [...this.#counts.values()]
  }

  /** Counts an answer that did not come through here: a text. */
  countAnswer(placement: Placement): void {
    this.#add(placement)
    // The next answer of a run counts with this one where both have the same placement.
    this.#last = undefined
  }

  submit(
    manifest: Manifest,
    work: UnplacedWork,
    options: WaitOptions,
    { decision, session }: Resolution,
  ): Promise<RunResult> {
    return this.#answer(manifest, work, options, session).then((answer) =>
      this.toResult(work.askedAt, decision, answer),
    )
  }

  /** Loads a session before the request's deadline. */
  prepare(session: DeviceSession, askedAt: number, { deadlineMs, signal }: WaitOptions): Promise<void> {
    const { device, clock } = this.#tiers
    const deadline = deadlineMs === undefined ? undefined : askedAt + deadlineMs
    return untilDeadline(clock, deadline, signal, (stop) => device.prepare(session, stop))
  }

  /** The answer with its placement. */
  toResult(askedAt: number, decision: Decision, answer: RunAnswer): RunResult {
    const { outputs, executedOn, queueMs, computeMs, answeredAt } = answer
    return {
      outputs,
      placement: this.#count(decision, executedOn),
      timings: { totalMs: answeredAt - askedAt, queueMs, computeMs },
    }
  }

  #answer(
    manifest: Manifest,
    work: UnplacedWork,
    options: WaitOptions,
    source: DeviceSession | undefined,
  ): Promise<RunAnswer> {
    const { device, remote } = this.#tiers
    if (!source) {
      if (!remote) throw new SpillwayError('server_absent', 'The runtime has no server')
      return remote.submit(manifest, work, options)
    }
    if (device.isReady(source)) return device.submit({ ...work, source }, options, passThrough)
    return this.prepare(source, work.askedAt, options).then(() =>
      device.submit({ ...work, source }, options, passThrough),
    )
  }

  #count(decision: Decision, executedOn: RunAnswer['executedOn']): Placement {
    const last = this.#last
    if (last && last.decision === decision && last.executedOn === executedOn) {
      last.count.requests++
      return last.count.placement
    }
    const { tier, reason, explanation } = decision
    const { backend, variant } = executedOn
    const placement = { tier, backend, variant, reason, explanation }
    this.#last = { decision, executedOn, count: this.#add(placement) }
    return placement
  }

  #add(placement: Placement): PlacementCount {
    const { tier, backend, variant, reason } = placement
    const key = [tier, backend, variant, reason].join('/')
    // The explanation is the last request's: its figures differ from request to request.
    const count = { placement, requests: (this.#counts.get(key)?.requests ?? 0) + 1 }
    this.#counts.set(key, count)
    return count
  }
}

import type { Manifest, Policy } from '../../models/core/index.ts'
import type { DeviceSession } from '../device/device-session.ts'
import { type Conditions, type Decision, type DeviceDecision, decide } from './decide.ts'
import { type DeviceTarget, type Failure, type Ineligible, selectDeviceTarget } from './device-target.ts'
import type { Dispatcher, DispatcherOptions } from './dispatcher.ts'
import type { Health } from './health.ts'
import type { ModelState } from './model-states.ts'
import type { PlacementOptions, RequestState } from './request-state.ts'

/** What waits before a request that comes now. */
export interface Backlog {
  readonly queueMs: number
  readonly isSaturated: boolean
}

/** Says where a request goes, from what both tiers are like at this moment. */
export class PlacementResolver {
  readonly #options: DispatcherOptions
  readonly #dispatcher: Dispatcher
  readonly #health: Health

  constructor(options: DispatcherOptions, dispatcher: Dispatcher, health: Health) {
    this.#options = options
    this.#dispatcher = dispatcher
    this.#health = health
  }

  /** Once a place has failed, what is told is how it failed, not that nothing else is left. */
  decide(state: ModelState, request: RequestState): Decision {
    const { policy } = request.options
    try {
      const live = this.#live(state, request)
      const { last } = state
      // The same question as before, as nearly always: thousands of requests a second ask it.
      if (last && last.policy === policy && !live.late && sameLive(live, last.live)) return last.decision
      const decision = decide(state.capacity, state.manifest, policy, live)
      state.last = { policy, live, decision }
      return decision
    } catch (cause) {
      throw request.failure ?? cause
    }
  }

  /** The last decision, where it was the device, which has the model loaded, and nothing has changed. */
  sameDevice(
    state: ModelState,
    { policy, deadlineMs }: PlacementOptions,
    rows: number,
  ): DeviceDecision | undefined {
    const { last, manifest } = state
    if (last?.decision.tier !== 'device' || last.policy !== policy) return undefined
    const { decision, live } = last
    if (live.server !== this.#health.server(manifest.id) || live.failed !== this.#health.failed(manifest.id))
      return undefined
    const source = this.#dispatcher.sessionOf(manifest, decision.target)
    if (!this.#options.device.isReady(source)) return undefined
    return policy === 'auto' && this.#late(state, source, rows, deadlineMs) ? undefined : decision
  }

  /**
   * Where a request goes before the device has told what it can do: to the server, which the policy would ask whatever
   * the device tells.
   */
  decideUnseen(manifest: Manifest, policy: Policy): Decision | undefined {
    if (this.#health.server(manifest.id) !== 'available') return undefined
    switch (policy) {
      case 'auto':
        return { tier: 'server', reason: 'bridge', explanation: 'The device is still asked what it can do' }
      case 'server':
        return { tier: 'server', reason: 'policy', explanation: 'The policy is "server"' }
      case 'prefer-server':
        return { tier: 'server', reason: 'preferred', explanation: 'The policy prefers the server' }
      default:
        return undefined
    }
  }

  /** Whether the device could answer the request at once. */
  isLoaded(state: ModelState, request: RequestState): boolean {
    return this.#live(state, request).loaded
  }

  /** How the device runs the model, as far as is known now. */
  target(state: ModelState): DeviceTarget | Ineligible {
    return this.#fitOf(state, this.#health.failed(state.manifest.id))
  }

  /** The tier that was not asked, where it could answer at once. */
  other(state: ModelState, { tier }: Decision, afterMs: number): Decision | undefined {
    const { manifest } = state
    const explanation = `The ${tier} did not answer within ${Math.round(afterMs)} ms`
    if (tier === 'device')
      return this.#health.server(manifest.id) === 'available'
        ? { tier: 'server', reason: 'hedge', explanation }
        : undefined
    const target = this.target(state)
    if ('error' in target || !this.#options.device.isReady(this.#dispatcher.sessionOf(manifest, target)))
      return undefined
    return { tier: 'device', target, reason: 'hedge', explanation }
  }

  /** On the tiers that a policy allows: the shorter wait, and whether all would refuse a request. */
  backlog(manifest: Manifest, state: ModelState | undefined, policy: Policy): Backlog {
    const { device, remote } = this.#options
    const target = state && this.target(state)
    const waits: number[] = []
    const saturated: boolean[] = []
    if (policy !== 'server' && target && !('error' in target)) {
      const session = this.#dispatcher.sessionOf(manifest, target)
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

  #live(state: ModelState, request: RequestState): Conditions {
    const { manifest, speeds } = state
    const { rows, options, failed: mine, serverFailed } = request
    const known = this.#health.failed(manifest.id)
    const failed = mine.length === 0 ? known : [...known, ...mine]
    const health = this.#health.server(manifest.id)
    const server = serverFailed && health === 'available' ? 'unavailable' : health
    const target = this.#fitOf(state, failed)
    if ('error' in target) return { server, failed, speeds, loaded: false, late: undefined }
    const session = this.#dispatcher.sessionOf(manifest, target)
    const loaded = this.#options.device.isReady(session)
    const compared = options.policy === 'auto' && loaded && server === 'available'
    const late = request.late ?? (() => this.#late(state, session, rows, options.deadlineMs))
    return { server, failed, speeds, loaded, late: compared ? late(session) : undefined }
  }

  /** The same as before, as nearly always. */
  #fitOf(state: ModelState, failed: readonly Failure[]): DeviceTarget | Ineligible {
    if (state.target?.failed === failed) return state.target.is
    const is = selectDeviceTarget(state.capacity, state.manifest, { failed, speeds: state.speeds })
    state.target = { failed, is }
    return is
  }

  /** When each tier would answer, where the device is so late that the server should. */
  #late(
    state: ModelState,
    session: DeviceSession,
    rows: number,
    deadlineMs: number | undefined,
  ): Conditions['late'] {
    const { device, remote } = this.#options
    if (!remote || this.#health.server(session.manifest.id) !== 'available') return undefined
    const there = remote.estimate(session.manifest, rows)
    const here = device.estimate(session, rows)
    return state.balance.weigh(here, there, deadlineMs)
  }
}

const sameLive = (one: Conditions, other: Conditions) =>
  one.server === other.server && one.loaded === other.loaded && one.failed === other.failed && !other.late

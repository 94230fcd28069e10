import type { Manifest, Policy } from '../../models/core/index.ts'
import type { DeviceSession } from '../device/device-session.ts'
import { type Decision, type DeviceDecision, decide, type Live } from './decide.ts'
import { type Failure, type Fit, fitDevice, type Obstacle } from './device-target.ts'
import type { Tiers, TiersOptions } from './dispatcher.ts'
import type { Health } from './health.ts'
import type { Route } from './model-states.ts'
import type { Job, RouteOptions } from './request-state.ts'

/** What waits before a request that comes now. */
export interface Backlog {
  readonly queueMs: number
  readonly isSaturated: boolean
}

/** Says where a request goes, from what both tiers are like at this moment. */
export class Judge {
  readonly #options: TiersOptions
  readonly #tiers: Tiers
  readonly #health: Health

  constructor(options: TiersOptions, tiers: Tiers, health: Health) {
    this.#options = options
    this.#tiers = tiers
    this.#health = health
  }

  /** Once a place has failed, what is told is how it failed, not that nothing else is left. */
  decide(route: Route, job: Job): Decision {
    const { policy } = job.options
    try {
      const live = this.#live(route, job)
      const { last } = route
      // The same question as before, as nearly always: thousands of requests a second ask it.
      if (last && last.policy === policy && !live.late && sameLive(live, last.live)) return last.decision
      const decision = decide(route.capacity, route.manifest, policy, live)
      route.last = { policy, live, decision }
      return decision
    } catch (cause) {
      throw job.failure ?? cause
    }
  }

  /** The last decision, where it was the device, which has the model loaded, and nothing has changed. */
  sameDevice(route: Route, { policy, deadlineMs }: RouteOptions, rows: number): DeviceDecision | undefined {
    const { last, manifest } = route
    if (last?.decision.tier !== 'device' || last.policy !== policy) return undefined
    const { decision, live } = last
    if (live.server !== this.#health.server(manifest.id) || live.failed !== this.#health.failed(manifest.id))
      return undefined
    const source = this.#tiers.sessionOf(manifest, decision.fit)
    if (!this.#options.device.isReady(source)) return undefined
    return policy === 'auto' && this.#late(route, source, rows, deadlineMs) ? undefined : decision
  }

  /**
   * Where a request goes before the device has told what it can do: to the server, which the policy would ask whatever
   * the device tells.
   */
  decideUnseen(manifest: Manifest, policy: Policy): Decision | undefined {
    if (this.#health.server(manifest.id) !== 'available') return undefined
    switch (policy) {
      case 'auto':
        return { tier: 'server', reason: 'bridge', because: 'The device is still asked what it can do' }
      case 'server':
        return { tier: 'server', reason: 'policy', because: 'The policy is "server"' }
      case 'prefer-server':
        return { tier: 'server', reason: 'preferred', because: 'The policy prefers the server' }
      default:
        return undefined
    }
  }

  /** Whether the device could answer the request at once. */
  isLoaded(route: Route, job: Job): boolean {
    return this.#live(route, job).loaded
  }

  /** How the device runs the model, as far as is known now. */
  fit(route: Route): Fit | Obstacle {
    return this.#fitOf(route, this.#health.failed(route.manifest.id))
  }

  /** The tier that was not asked, where it could answer at once. */
  other(route: Route, { tier }: Decision, afterMs: number): Decision | undefined {
    const { manifest } = route
    const because = `The ${tier} did not answer within ${Math.round(afterMs)} ms`
    if (tier === 'device')
      return this.#health.server(manifest.id) === 'available'
        ? { tier: 'server', reason: 'hedge', because }
        : undefined
    const fit = this.fit(route)
    if ('error' in fit || !this.#options.device.isReady(this.#tiers.sessionOf(manifest, fit)))
      return undefined
    return { tier: 'device', fit, reason: 'hedge', because }
  }

  /** On the tiers that a policy allows: the shorter wait, and whether all would refuse a request. */
  backlog(manifest: Manifest, route: Route | undefined, policy: Policy): Backlog {
    const { device, remote } = this.#options
    const fit = route && this.fit(route)
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

  #live(route: Route, job: Job): Live {
    const { manifest, speeds } = route
    const { rows, options, failed: mine, serverFailed } = job
    const known = this.#health.failed(manifest.id)
    const failed = mine.length === 0 ? known : [...known, ...mine]
    const health = this.#health.server(manifest.id)
    const server = serverFailed && health === 'available' ? 'unavailable' : health
    const fit = this.#fitOf(route, failed)
    if ('error' in fit) return { server, failed, speeds, loaded: false, late: undefined }
    const session = this.#tiers.sessionOf(manifest, fit)
    const loaded = this.#options.device.isReady(session)
    const compared = options.policy === 'auto' && loaded && server === 'available'
    const late = job.late ?? (() => this.#late(route, session, rows, options.deadlineMs))
    return { server, failed, speeds, loaded, late: compared ? late(session) : undefined }
  }

  /** The same as before, as nearly always. */
  #fitOf(route: Route, failed: readonly Failure[]): Fit | Obstacle {
    if (route.fit?.failed === failed) return route.fit.is
    const is = fitDevice(route.capacity, route.manifest, { failed, speeds: route.speeds })
    route.fit = { failed, is }
    return is
  }

  /** When each tier would answer, where the device is so late that the server should. */
  #late(route: Route, session: DeviceSession, rows: number, deadlineMs: number | undefined): Live['late'] {
    const { device, remote } = this.#options
    if (!remote || this.#health.server(session.manifest.id) !== 'available') return undefined
    const there = remote.estimate(session.manifest, rows)
    const here = device.estimate(session, rows)
    return route.balance.weigh(here, there, deadlineMs)
  }
}

const sameLive = (one: Live, other: Live) =>
  one.server === other.server && one.loaded === other.loaded && one.failed === other.failed && !other.late

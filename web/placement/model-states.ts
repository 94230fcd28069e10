import type { Manifest, Policy, Tier } from '../../models/core/index.ts'
import type { Calibrations } from '../device/calibration/calibrations.ts'
import type { Capacity } from '../device/capacity/capacity.ts'
import type { Decision, Live } from './decide.ts'
import type { Failure, Fit, Obstacle, Speeds } from './device-target.ts'
import { Latency } from './latency.ts'
import { Balance } from './spill-balance.ts'

export interface RoutesOptions {
  /** Asks the device what it can do: once, when it is first called. */
  readonly capacity: () => Promise<Capacity>
  readonly calibrations: Pick<Calibrations, 'recall' | 'speedsOf'>
}

/** What is kept of a model between requests. */
export interface Route {
  readonly manifest: Manifest
  readonly capacity: Capacity
  readonly balance: Balance
  readonly speeds: Speeds
  readonly latency: Readonly<Record<Tier, Latency>>
  fit: { readonly failed: readonly Failure[]; readonly is: Fit | Obstacle } | undefined
  last: { readonly policy: Policy; readonly live: Live; readonly decision: Decision } | undefined
}

/** The models' routes: there once the device has told what it can do, and what it measured on earlier visits. */
export class Routes {
  readonly #options: RoutesOptions
  readonly #known = new WeakMap<Manifest, Route>()
  #deviceHasTold = false

  constructor(options: RoutesOptions) {
    this.#options = options
  }

  known(manifest: Manifest): Route | undefined {
    return this.#known.get(manifest)
  }

  /** Whether the device has told what it can do: from then on a route opens as soon as storage has told the rest. */
  get deviceHasTold(): boolean {
    return this.#deviceHasTold
  }

  async open(manifest: Manifest): Promise<Route> {
    const { capacity: ask, calibrations } = this.#options
    const [capacity] = await Promise.all([ask(), calibrations.recall(manifest)])
    this.#deviceHasTold = true
    const known = this.#known.get(manifest)
    if (known) return known
    const route: Route = {
      manifest,
      capacity,
      balance: new Balance(),
      speeds: calibrations.speedsOf(manifest),
      latency: { device: new Latency(), server: new Latency() },
      fit: undefined,
      last: undefined,
    }
    this.#known.set(manifest, route)
    return route
  }
}

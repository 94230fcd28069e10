import type { Manifest, Policy, Tier } from '../../models/core/index.ts'
import type { Calibrations } from '../device/calibration/calibrations.ts'
import type { Capacity } from '../device/capacity/capacity.ts'
import type { Conditions, Decision } from './decide.ts'
import type { DeviceTarget, Failure, Ineligible, Speeds } from './device-target.ts'
import { Latency } from './latency.ts'
import { SpillBalance } from './spill-balance.ts'

export interface ModelStatesOptions {
  /** Asks the device what it can do: once, when it is first called. */
  readonly capacity: () => Promise<Capacity>
  readonly calibrations: Pick<Calibrations, 'recall' | 'speedsOf'>
}

/** What is kept of a model between requests. */
export interface ModelState {
  readonly manifest: Manifest
  readonly capacity: Capacity
  readonly balance: SpillBalance
  readonly speeds: Speeds
  readonly latency: Readonly<Record<Tier, Latency>>
  target: { readonly failed: readonly Failure[]; readonly is: DeviceTarget | Ineligible } | undefined
  last: { readonly policy: Policy; readonly live: Conditions; readonly decision: Decision } | undefined
}

/** The models' routes: there once the device has told what it can do, and what it measured on earlier visits. */
export class ModelStates {
  readonly #options: ModelStatesOptions
  readonly #known = new WeakMap<Manifest, ModelState>()
  #deviceHasTold = false

  constructor(options: ModelStatesOptions) {
    this.#options = options
  }

  known(manifest: Manifest): ModelState | undefined {
    return this.#known.get(manifest)
  }

  /** Whether the device has told what it can do: from then on a route opens as soon as storage has told the rest. */
  get deviceHasTold(): boolean {
    return this.#deviceHasTold
  }

  async open(manifest: Manifest): Promise<ModelState> {
    const { capacity: ask, calibrations } = this.#options
    const [capacity] = await Promise.all([ask(), calibrations.recall(manifest)])
    this.#deviceHasTold = true
    const known = this.#known.get(manifest)
    if (known) return known
    const state: ModelState = {
      manifest,
      capacity,
      balance: new SpillBalance(),
      speeds: calibrations.speedsOf(manifest),
      latency: { device: new Latency(), server: new Latency() },
      target: undefined,
      last: undefined,
    }
    this.#known.set(manifest, state)
    return state
  }
}

import type { Manifest } from '../../models/core/index.ts'
import type { Calibrations } from '../device/calibration/calibrations.ts'
import type { Capacity } from '../device/capacity.ts'
import { BackendBalance } from './backend-balance.ts'
import type { Costs } from './candidate.ts'
import type { DeviceChoices } from './device-choice.ts'
import { SpillBalance } from './spill-balance.ts'

export interface ModelStatesOptions {
  /** Probes the device's capacity: once, at the first call. */
  readonly capacity: () => Promise<Capacity>
  readonly calibrations: Pick<Calibrations, 'recall' | 'costsOf'>
}

/** The data of one model that requests share. */
export interface ModelState {
  readonly manifest: Manifest
  readonly capacity: Capacity
  readonly balance: SpillBalance
  readonly backends: BackendBalance
  /** As measured on earlier visits. */
  readonly costs: Costs
  /** The last choices: nearly all requests find the same failures. */
  choices: DeviceChoices | undefined
}

/** The models' states. One opens when the capacity and the measurements of earlier visits are known. */
export class ModelStates {
  readonly #options: ModelStatesOptions
  readonly #opened = new WeakMap<Manifest, ModelState>()
  #isCapacityKnown = false

  constructor(options: ModelStatesOptions) {
    this.#options = options
  }

  get(manifest: Manifest): ModelState | undefined {
    return this.#opened.get(manifest)
  }

  /** From then on a state opens as soon as the model's measurements are read, which takes a moment. */
  get isCapacityKnown(): boolean {
    return this.#isCapacityKnown
  }

  async open(manifest: Manifest): Promise<ModelState> {
    const { capacity: probe, calibrations } = this.#options
    const [capacity] = await Promise.all([probe(), calibrations.recall(manifest)])
    this.#isCapacityKnown = true
    const opened = this.#opened.get(manifest)
    if (opened) return opened
    const state: ModelState = {
      manifest,
      capacity,
      balance: new SpillBalance(),
      backends: new BackendBalance(),
      costs: calibrations.costsOf(manifest),
      choices: undefined,
    }
    this.#opened.set(manifest, state)
    return state
  }
}

import type { Backend, Manifest } from '../../../models/core/index.ts'
import { CostCurve } from '../../../workers/host/scheduler/cost-curve.ts'
import type { Speeds } from '../../placement/device-target.ts'
import type { Calibration, CalibrationStore } from './calibration-store.ts'

/** Where a model ran on this device. */
interface BackendVariant {
  readonly backend: Backend
  readonly variant: string
}

/** A curve that goes on learning. */
interface LearningCurve {
  readonly model: string
  readonly place: string
  readonly curve: () => CostCurve
}

/**
 * What runs cost on this device, remembered from visit to visit: the first decision is an informed one.
 * What another device, browser or runtime measured does not count.
 */
export class Calibrations {
  readonly #store: CalibrationStore
  readonly #fingerprint: () => Promise<string>
  /** By model: what the store had when the model was opened, and what it was given since. */
  readonly #curves = new Map<string, Calibration['curves']>()
  readonly #live = new Map<string, LearningCurve>()

  /** @param fingerprint What measurements hold for. */
  constructor(store: CalibrationStore, fingerprint: () => Promise<string>) {
    this.#store = store
    this.#fingerprint = fingerprint
  }

  /** Reads what is known of a model. Nothing is known before. */
  async recall(manifest: Manifest): Promise<void> {
    const key = keyOf(manifest)
    if (this.#curves.has(key)) return
    const [kept, fingerprint] = await Promise.all([this.#store.read(key), this.#fingerprint()])
    if (!this.#curves.has(key)) this.#curves.set(key, kept?.fingerprint === fingerprint ? kept.curves : {})
  }

  curveOf(manifest: Manifest, place: BackendVariant): CostCurve | undefined {
    const points = this.#curves.get(keyOf(manifest))?.[placeOf(place)]
    return points && CostCurve.from(points)
  }

  /** As the store had them when the model was opened: a page does not change its variant in the middle. */
  speedsOf(manifest: Manifest): Speeds {
    const speeds: Record<string, number> = {}
    for (const [place, points] of Object.entries(this.#curves.get(keyOf(manifest)) ?? {}))
      speeds[place] = CostCurve.from(points).predict(1)
    return speeds
  }

  /** Keeps what a place costs, now and as it is learned further. */
  keep(manifest: Manifest, where: BackendVariant, curve: () => CostCurve): void {
    const [model, place] = [keyOf(manifest), placeOf(where)]
    this.#live.set(`${model}/${place}`, { model, place, curve })
    void this.writeBack()
  }

  /** Writes what was learned since the last time. */
  async writeBack(): Promise<void> {
    if (this.#live.size === 0) return
    const fingerprint = await this.#fingerprint()
    const changed = new Set<string>()
    for (const { model, place, curve } of this.#live.values()) {
      const known = this.#curves.get(model) ?? {}
      const points = [...curve().toJSON()]
      if (JSON.stringify(points) === JSON.stringify(known[place] ?? [])) continue
      this.#curves.set(model, { ...known, [place]: points })
      changed.add(model)
    }
    for (const model of changed)
      await this.#store.write(model, { fingerprint, curves: this.#curves.get(model) ?? {} })
  }
}

const keyOf = ({ id, version }: Manifest) => `${id}@${version}`
const placeOf = ({ backend, variant }: BackendVariant) => `${backend}/${variant}`

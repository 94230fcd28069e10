import { env } from 'onnxruntime-common'
import type { Backend, Manifest } from '../../../models/core/index.ts'
import { CostCurve } from '../../../workers/host/scheduler/cost-curve.ts'
import type { Costs } from '../../placement/candidate.ts'
import type { Capacity } from '../capacity.ts'
import type { Calibration, CalibrationStore } from './calibration-store.ts'

/** A backend of this device and the id of a variant that ran on it. */
interface BackendVariant {
  readonly backend: Backend
  readonly variant: string
}

/** A curve to which further requests add. */
interface LearningCurve {
  readonly model: string
  readonly key: string
  readonly curve: () => CostCurve
}

/**
 * The cost of runs on this device, kept between visits, so that the first decision of a visit is an informed one.
 * Measurements of another device, browser or runtime do not count.
 */
export class Calibrations {
  readonly #store: CalibrationStore
  readonly #fingerprint: () => Promise<string>
  /** By model: as stored when the model was opened, with later changes. */
  readonly #curves = new Map<string, Calibration['curves']>()
  readonly #learning = new Map<string, LearningCurve>()

  /** @param fingerprint Identifies the environment in which measurements hold. */
  constructor(store: CalibrationStore, fingerprint: () => Promise<string>) {
    this.#store = store
    this.#fingerprint = fingerprint
  }

  /** Reads a model's measurements; before that none are known. */
  async recall(manifest: Manifest): Promise<void> {
    const model = modelKey(manifest)
    if (this.#curves.has(model)) return
    const [stored, fingerprint] = await Promise.all([this.#store.read(model), this.#fingerprint()])
    if (!this.#curves.has(model))
      this.#curves.set(model, stored?.fingerprint === fingerprint ? stored.curves : {})
  }

  curveOf(manifest: Manifest, executedOn: BackendVariant): CostCurve | undefined {
    const points = this.#curves.get(modelKey(manifest))?.[curveKey(executedOn)]
    return points && CostCurve.from(points)
  }

  /** Read once when the model is opened: a page does not change variants while it runs. */
  costsOf(manifest: Manifest): Costs {
    const measured = Object.entries(this.#curves.get(modelKey(manifest)) ?? {})
    return Object.fromEntries(
      measured
        .filter(([, points]) => points.length > 0)
        .map(([key, points]) => [key, CostCurve.from(points)]),
    )
  }

  /** Stores a curve now, and again at each `writeBack` after it has changed. */
  keep(manifest: Manifest, executedOn: BackendVariant, curve: () => CostCurve): void {
    const [model, key] = [modelKey(manifest), curveKey(executedOn)]
    this.#learning.set(`${model}/${key}`, { model, key, curve })
    void this.writeBack()
  }

  /** Writes the curves that changed since the last call. */
  async writeBack(): Promise<void> {
    if (this.#learning.size === 0) return
    const fingerprint = await this.#fingerprint()
    const changed = new Set<string>()
    for (const { model, key, curve } of this.#learning.values()) {
      const stored = this.#curves.get(model) ?? {}
      const points = [...curve().toJSON()]
      if (JSON.stringify(points) === JSON.stringify(stored[key] ?? [])) continue
      this.#curves.set(model, { ...stored, [key]: points })
      changed.add(model)
    }
    for (const model of changed)
      await this.#store.write(model, { fingerprint, curves: this.#curves.get(model) ?? {} })
  }
}

const modelKey = ({ id, version }: Manifest) => `${id}@${version}`
const curveKey = ({ backend, variant }: BackendVariant) => `${backend}/${variant}`

/** What was measured: figures of another kind do not count. */
const method = 'time of the lane'

/** Identifies this browser, this hardware, its threads and the version of ONNX Runtime. */
export const fingerprintOf = ({ gpu, wasm, memoryBudget }: Capacity): string =>
  JSON.stringify([
    method,
    navigator.userAgent,
    navigator.hardwareConcurrency,
    memoryBudget,
    wasm.threads,
    wasm.jspi,
    gpu && [gpu.vendor, gpu.architecture, gpu.software],
    env.versions.common,
  ])

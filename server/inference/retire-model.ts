import type { Clock } from '../../models/async/clock.ts'

/** A model that is no longer offered, or replaced by another of its name. */
export interface RetiredModel {
  /** Whether it has been loaded again on demand, and stays. */
  isWanted(): boolean
  /** Whether requests for it wait or run. */
  isInUse(): boolean
  /** Unloads it where it is not in use; resolves to whether it is gone from every lane. */
  unload(): Promise<boolean>
}

/** Milliseconds after which no request that came for the model is still being read. */
const leastMs = 30_000

const pauseMs = 5_000

/** Frees a model's memory once its last request has been answered. */
export function retireModel(model: RetiredModel, clock: Clock): void {
  const check = async () => {
    if (model.isWanted()) return
    if (!model.isInUse() && (await model.unload().catch(() => true))) return
    clock.after(pauseMs, () => void check())
  }
  clock.after(leastMs, () => void check())
}

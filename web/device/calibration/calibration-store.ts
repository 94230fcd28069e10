import { createStore, get, set, type UseStore } from 'idb-keyval'
import * as z from 'zod/mini'
import type { Clock } from '../../../models/async/clock.ts'
import { withTimeout } from '../../../models/async/timeouts.ts'
import { SpillwayError } from '../../../models/core/index.ts'

const calibration = z.object({
  /** The device, browser and runtime that it was measured with. */
  fingerprint: z.string(),
  /** Points of cost curves, by `backend/variant`: rows of a run, and its milliseconds. */
  curves: z.record(
    z.string(),
    z.array(z.object({ rows: z.number().check(z.positive()), ms: z.number().check(z.nonnegative()) })),
  ),
})

/** The measurements of one model. */
export type Calibration = z.infer<typeof calibration>

/** Measurements kept between visits. Where the browser stores nothing, every read resolves to undefined. */
export interface CalibrationStore {
  read(model: string): Promise<Calibration | undefined>
  write(model: string, calibration: Calibration): Promise<void>
}

/** Milliseconds for one operation: the first decision of a visit waits for a read. */
const timeoutMs = 1_000

export function createIndexedDbCalibrations(clock: Clock, name = 'spillway-calibration'): CalibrationStore {
  let opened: UseStore | undefined
  const attempt = async <T>(operation: (store: UseStore) => Promise<T>): Promise<T | undefined> => {
    try {
      opened ??= createStore(name, 'calibrations')
      return await withTimeout(
        clock,
        timeoutMs,
        operation(opened),
        () => new SpillwayError('internal', 'IndexedDB did not answer in time'),
      )
    } catch {
      // idb-keyval would keep a failed open: the next attempt opens a new store.
      opened = undefined
      return undefined
    }
  }
  return {
    read: async (model) => {
      const parsed = z.safeParse(calibration, await attempt((store) => get<unknown>(model, store)))
      return parsed.success ? parsed.data : undefined
    },
    write: async (model, value) => {
      await attempt((store) => set(model, value, store))
    },
  }
}

import { get, set } from 'idb-keyval'
import type { Clock } from '../../../models/async/clock.ts'
import { createDatabase } from '../../store/storage/database.ts'

/** The measurements of one model. */
export interface Calibration {
  /** The device, browser and runtime that it was measured with. */
  readonly fingerprint: string
  /** Points of cost curves, by `backend/variant`: rows of a run, and its milliseconds. */
  readonly curves: Readonly<Record<string, readonly CurvePoint[]>>
}

interface CurvePoint {
  readonly rows: number
  readonly ms: number
}

/** Measurements kept between visits. Where the browser stores nothing, every read resolves to undefined. */
export interface CalibrationStore {
  read(model: string): Promise<Calibration | undefined>
  write(model: string, calibration: Calibration): Promise<void>
}

/** Milliseconds for one operation: the first decision of a visit waits for a read. */
const timeoutMs = 1_000

export function createIndexedDbCalibrations(clock: Clock, name = 'spillway-calibration'): CalibrationStore {
  const { attempt } = createDatabase({ clock, name, objectStore: 'calibrations', timeoutMs, backOffMs: 0 })
  return {
    read: async (model) => {
      const stored = await attempt((store) => get<unknown>(model, store))
      return isCalibration(stored) ? stored : undefined
    },
    write: async (model, value) => {
      await attempt((store) => set(model, value, store))
    },
  }
}

// Without a schema: the code of schemas is loaded with the first manifest, and larger than all of this file.

const isCalibration = (value: unknown): value is Calibration =>
  isObject(value) &&
  'fingerprint' in value &&
  typeof value.fingerprint === 'string' &&
  'curves' in value &&
  isObject(value.curves) &&
  Object.values(value.curves).every((points) => Array.isArray(points) && points.every(isPoint))

const isPoint = (value: unknown): value is CurvePoint =>
  isObject(value) &&
  'rows' in value &&
  typeof value.rows === 'number' &&
  value.rows > 0 &&
  'ms' in value &&
  typeof value.ms === 'number' &&
  value.ms >= 0

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null

import type { Runtime } from '../../api/create-runtime.ts'
import { createSharedMeter } from '../shared-meter.ts'
import type { LoadGenerator } from './load-generator.ts'

/** How the load does at one time. Rates are calls a second, times are milliseconds. */
export interface Reading {
  /** Seconds since the page began. */
  readonly at: number
  readonly device: number
  readonly server: number
  readonly p50: number | undefined
  readonly p95: number | undefined
  readonly p99: number | undefined
  /** Rows a run on the device; undefined where none has run. */
  readonly shared: number | undefined
  /** Calls without an answer. */
  readonly open: number
}

/** Readings over which rates are counted. */
const rateReadings = 4

/** The readings of the last minute. */
export class History {
  readonly #load: LoadGenerator
  readonly #readShared: (modelId: string) => number | undefined
  readonly #counts: { readonly at: number; readonly device: number; readonly server: number }[] = []
  readonly #length: number
  readonly readings: Reading[] = []

  constructor(load: LoadGenerator, runtime: Runtime, length: number) {
    this.#load = load
    this.#length = length
    const meters = new Map<string, () => number | undefined>()
    this.#readShared = (modelId) => {
      const meter = meters.get(modelId) ?? createSharedMeter(runtime, modelId)
      meters.set(modelId, meter)
      return meter()
    }
  }

  /** @param at Milliseconds since the page began. */
  read(modelId: string, at: number): Reading {
    const { latencies, answered, open } = this.#load
    const now = { at: at / 1_000, ...answered }
    const first = (this.#counts.length < rateReadings ? this.#counts[0] : this.#counts.shift()) ?? now
    this.#counts.push(now)
    const seconds = now.at - first.at
    const rate = (tier: 'device' | 'server') => (seconds > 0 ? (now[tier] - first[tier]) / seconds : 0)
    const reading: Reading = {
      at: now.at,
      device: rate('device'),
      server: rate('server'),
      p50: latencies.percentile(0.5),
      p95: latencies.percentile(0.95),
      p99: latencies.percentile(0.99),
      shared: this.#readShared(modelId),
      open,
    }
    latencies.turn()
    this.readings.push(reading)
    if (this.readings.length > this.#length) this.readings.shift()
    return reading
  }
}

import { type ErrorCode, type Placement, SpillwayError } from '../../models/core/index.ts'
import {
  type DeviceClass,
  maxEntries,
  maxModelLength,
  maxRequests,
  type TelemetryReport,
} from '../../models/protocols/telemetry.ts'
import type { Capacity } from '../device/capacity.ts'

type Entry<Name extends 'onDevice' | 'onServer' | 'failed'> = {
  -readonly [Field in keyof TelemetryReport[Name][number]]: TelemetryReport[Name][number][Field]
}

/** Counts requests by model, place, reason and failure, until they are reported. */
export class Telemetry {
  readonly #onDevice = new Map<string, Entry<'onDevice'>>()
  readonly #onServer = new Map<string, Entry<'onServer'>>()
  readonly #failed = new Map<string, Entry<'failed'>>()
  device: DeviceClass = 'unknown'

  answered(model: string, { tier, backend, reason }: Placement, ms: number): void {
    if (tier === 'server')
      add(this.#onServer, `${model}/${reason}`, { model, reason, requests: 0, ms: 0 }, ms)
    else if (backend === 'webgpu' || backend === 'wasm') {
      const entry = { model, backend, reason, requests: 0, ms: 0 }
      add(this.#onDevice, `${model}/${backend}/${reason}`, entry, ms)
    }
  }

  failed(model: string, cause: unknown): void {
    const code: ErrorCode = cause instanceof SpillwayError ? cause.code : 'internal'
    add(this.#failed, `${model}/${code}`, { model, code, requests: 0 }, 0)
  }

  /** What was counted since the last call; undefined where nothing was. */
  take(): TelemetryReport | undefined {
    const onDevice = drain(this.#onDevice)
    const onServer = drain(this.#onServer)
    const failed = drain(this.#failed)
    if (onDevice.length + onServer.length + failed.length === 0) return undefined
    return { version: 1, device: this.device, onDevice, onServer, failed }
  }
}

function drain<E>(entries: Map<string, E>): E[] {
  const taken = [...entries.values()]
  entries.clear()
  return taken
}

function add<E extends { readonly model: string; requests: number; ms?: number }>(
  entries: Map<string, E>,
  key: string,
  first: E,
  ms: number,
): void {
  const entry = entries.get(key) ?? first
  if (entry === first) {
    if (entries.size >= maxEntries || entry.model.length > maxModelLength) return
    entries.set(key, entry)
  }
  if (entry.requests >= maxRequests) return
  entry.requests++
  if (entry.ms !== undefined) entry.ms += Math.max(0, Math.round(ms))
}

/** The part of a device's capacity that its class depends on. */
interface ClassedCapacity {
  readonly gpu: Pick<NonNullable<Capacity['gpu']>, 'software'> | null | undefined
  readonly wasm: Pick<Capacity['wasm'], 'threads'>
}

/** A software adapter counts as no GPU. */
export function classOf({ gpu, wasm }: ClassedCapacity): DeviceClass {
  if (gpu && !gpu.software) return 'gpu'
  return wasm.threads > 1 ? 'wasm-threads' : 'wasm'
}

/**
 * Sends a report that outlives the page: as plain text, so that no question to another origin goes ahead of it where
 * there are no headers, and without cookies.
 */
export async function sendReport(
  server: URL,
  report: TelemetryReport,
  headers: Readonly<Record<string, string>>,
): Promise<void> {
  await fetch(new URL('telemetry', server), {
    method: 'POST',
    headers,
    body: JSON.stringify(report),
    keepalive: true,
    credentials: 'omit',
  })
}

/**
 * What a page reports to `POST /telemetry` where its author has opted in: how many requests were answered where, and which
 * failed. Never inputs, outputs or text, nor anything that names a visitor.
 */
import * as z from 'zod/mini'
import { type ErrorCode, isErrorCode, placementReasons } from '../core/index.ts'

/** What a device has for models: a GPU, WebAssembly with threads, or without; `unknown` while it was not asked. */
export const deviceClasses = ['gpu', 'wasm-threads', 'wasm', 'unknown'] as const
export type DeviceClass = (typeof deviceClasses)[number]

/** The backends of devices. */
export const deviceBackends = ['webgpu', 'wasm'] as const

/** The most entries of each list, and the bytes that a report may have. */
export const maxEntries = 64
export const maxReportBytes = 2 ** 16

/** Characters of a model's id. */
export const maxModelLength = 128

/** Requests of one entry. */
export const maxRequests = 1_000_000

const model = z.string().check(z.maxLength(maxModelLength))
const requests = z.int().check(z.minimum(1), z.maximum(maxRequests))
/** Milliseconds of all these requests, each from its call to its result. */
const ms = z.number().check(z.minimum(0), z.maximum(10_000_000_000))
const reason = z.enum(placementReasons)

export const telemetryReport = z.strictObject({
  version: z.literal(1),
  device: z.enum(deviceClasses),
  /** Answered on the device. */
  onDevice: z
    .array(z.strictObject({ model, backend: z.enum(deviceBackends), reason, requests, ms }))
    .check(z.maxLength(maxEntries)),
  /** Answered by the server. */
  onServer: z.array(z.strictObject({ model, reason, requests, ms })).check(z.maxLength(maxEntries)),
  failed: z
    .array(z.strictObject({ model, code: z.custom<ErrorCode>(isErrorCode, 'an error code'), requests }))
    .check(z.maxLength(maxEntries)),
})
export type TelemetryReport = z.infer<typeof telemetryReport>

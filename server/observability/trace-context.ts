import { randomBytes } from 'node:crypto'

/** The headers of W3C's Trace Context: the caller's span in a request, and ours in its answer. */
export const traceparentHeader = 'traceparent'
export const traceresponseHeader = 'traceresponse'

/** The span of a caller. */
export interface Traceparent {
  readonly traceId: string
  readonly spanId: string
  /** Bit 0: the caller records its span. */
  readonly flags: number
}

/** A request's own span, from which its answer names it. */
export interface RequestSpan {
  readonly traceId: string
  /** The value of the header `traceresponse`. */
  readonly response: string
  /** The value of the header `traceparent` in requests that this one makes of other servers. */
  readonly parent: string
}

/** Later versions may add fields after a hyphen; version 0 has none. */
const pattern = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/

/** Reads the header. Undefined where it is invalid: the request then begins a trace of its own, as the standard says. */
export function readTraceparent(header: string | undefined): Traceparent | undefined {
  if (header === undefined) return undefined
  const [, version, traceId = '', spanId = '', flags = '', rest] = pattern.exec(header.trim()) ?? []
  if (version === undefined || version === 'ff' || (version === '00' && rest !== undefined)) return undefined
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined
  return { traceId, spanId, flags: Number.parseInt(flags, 16) }
}

export const writeTraceContext = (traceId: string, spanId: string, flags: number): string =>
  `00-${traceId}-${spanId}-${flags.toString(16).padStart(2, '0')}`

/** A span in the caller's trace that is named in the log and the answer, and recorded nowhere. */
export const unrecordedSpan = ({ traceId, spanId, flags }: Traceparent): RequestSpan => ({
  traceId,
  response: writeTraceContext(traceId, randomBytes(8).toString('hex'), 0),
  // A parent that nobody records would break the caller's trace in two.
  parent: writeTraceContext(traceId, spanId, flags),
})

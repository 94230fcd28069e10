import { Code, ConnectError } from '@connectrpc/connect'
import type { SpillwayError } from '../../models/core/index.ts'
import { shorten } from '../../models/core/wording.ts'
import { errorCodeHeader } from '../../models/protocols/oip.ts'

/** The names of gRPC's statuses, by their numbers. */
export const statusNames = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
] as const

export type StatusName = (typeof statusNames)[number]

/** Of the codes whose HTTP status does not tell the status. */
const statuses = new Map<string, Code>([
  ['overloaded', Code.ResourceExhausted],
  ['memory_exhausted', Code.ResourceExhausted],
  ['deadline_exceeded', Code.DeadlineExceeded],
])

const ofHttp = new Map<number, Code>([
  [400, Code.InvalidArgument],
  [401, Code.Unauthenticated],
  [403, Code.PermissionDenied],
  [404, Code.NotFound],
  [413, Code.ResourceExhausted],
  [415, Code.Unimplemented],
  [429, Code.ResourceExhausted],
  [499, Code.Canceled],
  [503, Code.Unavailable],
])

/** Characters of a message. It travels in a header, whose characters take up to nine bytes: some clients take 8 KiB. */
const longestMessage = 600

/** The headers that an error adds to a call's trailers. */
const metadataOf = ({ code, detail: { retryAfterMs } }: SpillwayError) => ({
  [errorCodeHeader]: code,
  ...(retryAfterMs !== undefined && {
    'retry-after': String(Math.ceil(retryAfterMs / 1000)),
    // Clients that retry wait for so long: https://github.com/grpc/proposal/blob/master/A6-client-retries.md
    'grpc-retry-pushback-ms': String(Math.ceil(retryAfterMs)),
  }),
})

/** An error with its gRPC status, as it ends a call. */
export const toConnectError = (error: SpillwayError): ConnectError =>
  new ConnectError(
    // A cut may leave half of a character, which cannot be encoded.
    Buffer.from(shorten(error.message, longestMessage)).toString(),
    statuses.get(error.code) ?? ofHttp.get(error.status) ?? Code.Internal,
    metadataOf(error),
    undefined,
    error,
  )

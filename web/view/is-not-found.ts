import { type ErrorCode, SpillwayError } from '../../models/core/index.ts'

/** Failures before the device had anything to do: of the model's manifest, or of the way to it. */
const notFound: readonly ErrorCode[] = [
  'model_unknown',
  'manifest_invalid',
  'access_denied',
  'server_unreachable',
  'server_timeout',
  'server_response_invalid',
  'overloaded',
]

/** Failures of a model's files, or of the way to them. */
const notDownloaded: readonly ErrorCode[] = [...notFound, 'file_missing', 'file_truncated', 'file_altered']

export const isNotFound = (cause: unknown): boolean =>
  cause instanceof SpillwayError && notFound.includes(cause.code)

export const isDownloadFault = (cause: unknown): boolean =>
  cause instanceof SpillwayError && notDownloaded.includes(cause.code)

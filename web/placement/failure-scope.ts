import type { ErrorCode, SpillwayError } from '../../models/core/index.ts'
import type { Candidate, Failure } from './candidate.ts'

/** The meaning of an error code for the place where a request failed. */
export interface FailureScope {
  /**
   * - `every-place`: no other place would answer either, so the request fails.
   * - `request`: another place may answer this request; later requests do not avoid this one.
   * - `run`: the same, but later requests avoid this one after several runs failed here and succeeded elsewhere.
   * - `place`: another place may answer, and later requests avoid this one for a while.
   */
  readonly holds: 'every-place' | 'request' | 'run' | 'place'
  /** The candidates on the device to avoid. */
  readonly avoid: Failure['avoid']
  /** The failed part of the server: one model, or the connection, which the circuit breaker watches. */
  readonly server: 'model' | 'connection'
}

const everyPlace: FailureScope = { holds: 'every-place', avoid: 'backend', server: 'connection' }
const request: FailureScope = { holds: 'request', avoid: 'backend', server: 'connection' }
const run: FailureScope = { holds: 'run', avoid: 'backend', server: 'connection' }
const requestForVariant: FailureScope = { holds: 'request', avoid: 'variant', server: 'connection' }
const place: FailureScope = { holds: 'place', avoid: 'backend', server: 'connection' }
const model: FailureScope = { holds: 'place', avoid: 'backend', server: 'model' }
const variant: FailureScope = { holds: 'place', avoid: 'variant', server: 'model' }
const memory: FailureScope = { holds: 'place', avoid: 'memory', server: 'model' }
/** All backends of the device share one queue. */
const queue: FailureScope = { holds: 'place', avoid: 'device', server: 'model' }

/** Every code is classified: a new one does not compile before it is. */
export const failureScope: Readonly<Record<ErrorCode, FailureScope>> = {
  // the request
  model_unknown: model,
  access_denied: place,
  unauthenticated: model,
  input_name_invalid: everyPlace,
  output_name_invalid: everyPlace,
  input_type_invalid: everyPlace,
  input_shape_invalid: everyPlace,
  input_size_invalid: everyPlace,
  input_value_invalid: request,
  request_malformed: everyPlace,
  body_too_large: request,
  encoding_unsupported: everyPlace,
  // Places differ in the memory that they have for it.
  context_exceeded: request,
  not_supported: requestForVariant,
  // a model and its files
  manifest_invalid: model,
  file_missing: variant,
  file_truncated: variant,
  file_altered: variant,
  model_invalid: variant,
  run_failed: run,
  model_output_invalid: run,
  rows_dependent: request,
  memory_exhausted: run,
  // a place
  capacity_insufficient: memory,
  lane_lost: place,
  lane_failed: model,
  poisoned: place,
  overloaded: queue,
  rate_limited: queue,
  deadline_exceeded: everyPlace,
  server_absent: place,
  server_unreachable: place,
  server_timeout: place,
  server_response_invalid: place,
  server_draining: request,
  // a caller that gave up
  aborted: everyPlace,
  closed: everyPlace,
  internal: place,
}

export const noFailures: readonly Failure[] = []

/** The candidates to avoid after one has failed. The same verified bytes fail again in the same runtime. */
export const failureOf = ({ backend, variant }: Candidate, error: SpillwayError): Failure => ({
  backend,
  variant,
  avoid: failureScope[error.code].avoid,
  message: error.message,
  final: error.code === 'model_invalid' ? error : undefined,
})

import type { UniversalServerResponse } from '@connectrpc/connect/protocol'
import { isErrorCode, SpillwayError } from '../../models/core/index.ts'
import { fieldsOf, round } from '../observability/observe-requests.ts'
import { phasesOf, spanAttributes } from '../observability/span-fields.ts'
import type { RecordedSpan } from '../observability/tracing.ts'
import type { GrpcCall } from './call.ts'
import type { CallsOptions } from './calls.ts'
import { statusNames } from './status.ts'

/** Writes one log line for each call, and counts it, when its answer has ended. */
export const createObserveCall =
  ({ clock, log, metrics }: CallsOptions) =>
  (
    call: GrpcCall,
    recorded: RecordedSpan | undefined,
    response: UniversalServerResponse | undefined,
    isMethod: boolean,
  ): void => {
    // A call without an answer was left by its client.
    if (!response && call.get('errorCode') === undefined) {
      call.set('errorCode', 'aborted')
      call.set('reason', 'The client left')
    }
    const number = Number(response?.trailer?.get('grpc-status') ?? 1)
    const status = statusNames[number] ?? 'UNKNOWN'
    const code = call.get('errorCode')
    const now = clock.now()
    const ms = now - call.startedAt
    // Names of methods that do not exist have no bound.
    const [service = '', method = ''] = isMethod ? call.path.slice(1).split('/') : ['unknown', 'unknown']
    metrics.grpc.handled(service, method, status, ms)
    if (isErrorCode(code)) metrics.http.refused(code)
    const httpStatus = isErrorCode(code) ? new SpillwayError(code, '').status : 200
    recorded?.end({
      method: 'POST',
      route: isMethod ? call.path : 'unknown',
      path: call.path,
      status: httpStatus,
      code,
      attributes: { ...spanAttributes(call), 'rpc.system': 'grpc', 'rpc.grpc.status_code': number },
      ...phasesOf(call, now),
    })
    const line = { method: 'gRPC', path: call.path, status, ms: round(ms), ...fieldsOf(call) }
    if (httpStatus >= 500) log.warn(line, 'request')
    else log.info(line, 'request')
  }

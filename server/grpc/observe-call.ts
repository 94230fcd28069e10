import type { UniversalServerResponse } from '@connectrpc/connect/protocol'
import type { Clock } from '../../models/async/clock.ts'
import { isErrorCode, SpillwayError } from '../../models/core/index.ts'
import type { Log } from '../http/request-log.ts'
import type { Metrics } from '../observability/metrics.ts'
import { fieldsOf, round } from '../observability/observe-requests.ts'
import { phasesOf, spanAttributes } from '../observability/span-fields.ts'
import type { RecordedSpan } from '../observability/tracing.ts'
import type { GrpcCall } from './call.ts'
import { statusNames } from './status.ts'

export interface ObserveCallOptions {
  readonly metrics: Pick<Metrics, 'http' | 'grpc'>
  readonly clock: Clock
  readonly log: Log
}

/** Writes the log line of a call that has ended, or of a message of a stream. @param status Its number. */
export type LogCall = (call: GrpcCall, status: number) => void

export const createLogCall =
  ({ clock, log, metrics }: ObserveCallOptions): LogCall =>
  (call, status) => {
    const code = call.get('errorCode')
    if (isErrorCode(code)) metrics.http.refused(code)
    const line = {
      method: 'gRPC',
      path: call.path,
      status: statusNames[status] ?? 'UNKNOWN',
      ms: round(clock.now() - call.startedAt),
      ...fieldsOf(call),
    }
    if (httpStatus(code) >= 500) log.warn(line, 'request')
    else log.info(line, 'request')
  }

const httpStatus = (code: string | undefined) =>
  isErrorCode(code) ? new SpillwayError(code, '').status : 200

/** Logs and counts a call when its answer has ended. */
export const createObserveCall = (options: ObserveCallOptions) => {
  const { clock, metrics } = options
  const logCall = createLogCall(options)
  return (
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
    const status = Number(response?.trailer?.get('grpc-status') ?? 1)
    const now = clock.now()
    // Names of methods that do not exist have no bound.
    const [service = '', method = ''] = isMethod ? call.path.slice(1).split('/') : ['unknown', 'unknown']
    metrics.grpc.handled(service, method, statusNames[status] ?? 'UNKNOWN', now - call.startedAt)
    const code = call.get('errorCode')
    recorded?.end({
      method: 'POST',
      route: isMethod ? call.path : 'unknown',
      path: call.path,
      status: httpStatus(code),
      code,
      attributes: { ...spanAttributes(call), 'rpc.system': 'grpc', 'rpc.grpc.status_code': status },
      ...phasesOf(call, now),
    })
    logCall(call, status)
  }
}

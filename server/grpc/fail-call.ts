import { Code, ConnectError } from '@connectrpc/connect'
import { SpillwayError } from '../../models/core/index.ts'
import { logError, toSpillwayError } from '../http/errors.ts'
import type { Log } from '../http/request-log.ts'
import type { GrpcCall } from './call.ts'
import { toConnectError } from './status.ts'

/** Logs the error of a call; returns it as the call's end. */
export type FailCall = (call: GrpcCall, cause: unknown) => ConnectError

export const createFailCall =
  (log: Log): FailCall =>
  (call, cause) => {
    if (cause instanceof ConnectError && cause.code !== Code.Internal) {
      call.set('errorCode', 'request_malformed')
      call.set('reason', cause.rawMessage)
      return cause
    }
    const thrown = cause instanceof Error ? cause : new Error(String(cause))
    // Connect's own errors are those of messages that it cannot decode.
    const error =
      thrown instanceof ConnectError
        ? new SpillwayError('request_malformed', thrown.rawMessage)
        : toSpillwayError(thrown)
    logError(log, call, thrown, error)
    return toConnectError(error)
  }

import { constants, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2'
import {
  Code,
  ConnectError,
  type ConnectRouter,
  createConnectRouter,
  createContextValues,
  type Interceptor,
} from '@connectrpc/connect'
import type { UniversalHandler, UniversalServerResponse } from '@connectrpc/connect/protocol'
import { setTrailerStatus } from '@connectrpc/connect/protocol-grpc'
import { universalRequestFromNodeRequest, universalResponseToNodeResponse } from '@connectrpc/connect-node'
import type { Clock } from '../../models/async/clock.ts'
import { errorCodeHeader } from '../../models/protocols/oip.ts'
import type { Access } from '../auth/access.ts'
import type { Admit } from '../auth/limits/limit-requests.ts'
import type { CallerOf } from '../http/caller.ts'
import { logError, toSpillwayError } from '../http/errors.ts'
import { type Log, requestIdHeader } from '../http/request-log.ts'
import type { Metrics } from '../observability/metrics.ts'
import { nameRequest } from '../observability/observe-requests.ts'
import { traceresponseHeader } from '../observability/trace-context.ts'
import type { Tracing } from '../observability/tracing.ts'
import { callKey, GrpcCall } from './call.ts'
import { createObserveCall } from './observe-call.ts'
import { readMessage } from './read-message.ts'
import { toConnectError } from './status.ts'

export interface CallsOptions {
  readonly access: Access | undefined
  readonly admit: Admit | undefined
  readonly callerOf: CallerOf
  readonly metrics: Pick<Metrics, 'http' | 'grpc'>
  readonly tracing: Tracing | undefined
  readonly clock: Clock
  readonly log: Log
  /** Milliseconds within which a message has to arrive whole. */
  readonly uploadMs: number
}

/** Methods that are called under the same rules. */
export interface MethodGroup {
  readonly add: (router: ConnectRouter) => void
  /** Bytes of a message, decoded. */
  readonly maxBytes: number
  /** Checks a message before it is decoded. */
  readonly check: (message: Uint8Array) => void
  /** Methods that probes call without a key. */
  readonly open: readonly string[]
}

interface Method extends Omit<MethodGroup, 'add' | 'open'> {
  readonly handler: UniversalHandler
  readonly isOpen: boolean
}

/**
 * Answers calls over gRPC. They are named, refused, limited, logged and counted as requests over HTTP are; a caller is
 * refused before its message is read.
 */
export function createCalls(options: CallsOptions, groups: readonly MethodGroup[]) {
  const { access, admit, callerOf, clock, log, tracing, uploadMs } = options
  const observe = createObserveCall(options)

  /** The error as it ends the call. */
  const fail = (call: GrpcCall, cause: unknown) => {
    const thrown = cause instanceof Error ? cause : new Error(String(cause))
    const error = toSpillwayError(thrown)
    logError(log, call, thrown, error)
    return toConnectError(error)
  }
  const failAsStatus: Interceptor = (next) => async (request) => {
    try {
      return await next(request)
    } catch (cause) {
      const call = request.contextValues.get(callKey)
      throw call ? fail(call, cause) : cause
    }
  }
  const methods = methodsOf(groups, failAsStatus)

  const answer = async (
    call: GrpcCall,
    req: Http2ServerRequest,
    res: Http2ServerResponse,
  ): Promise<UniversalServerResponse> => {
    const method = methods.get(call.path)
    if (!method) return unimplemented(call)
    if (!method.isOpen) {
      await access?.authenticate(call)
      const allowance = await admit?.(call, 'rows', (headers) => Object.assign(call.metadata, headers))
      if (allowance) {
        call.set('allowance', allowance)
        res.once('close', allowance.release)
        if (req.stream.closed) allowance.release()
      }
    }
    const cancelUpload = clock.after(uploadMs, () => req.stream.close(constants.NGHTTP2_CANCEL))
    const encoding = call.req.header('grpc-encoding')
    const message = await readMessage(req, { ...method, encoding }).finally(cancelUpload)
    const request = universalRequestFromNodeRequest(
      req,
      res,
      undefined,
      createContextValues().set(callKey, call),
    )
    // Deadlines and compression are handled here. Answers are not compressed: numbers take long and gain little.
    for (const name of ['grpc-timeout', 'grpc-encoding', 'grpc-accept-encoding']) request.header.delete(name)
    return method.handler({ ...request, body: once(message) })
  }

  return (req: Http2ServerRequest, res: Http2ServerResponse): void => {
    const call = new GrpcCall(pathOf(req), clock.now(), req.headers, req.stream.session)
    const recorded = nameRequest(call, callerOf, tracing)
    let response: UniversalServerResponse | undefined
    res.once('close', () => observe(call, recorded, response, methods.has(call.path)))
    // Resets by the client are no errors of the server's: `close` tells of them.
    req.on('error', () => {})
    res.on('error', () => {})
    res.once('finish', () => {
      // The rest of a message that was refused is not read.
      if (!req.complete) req.stream.close(constants.NGHTTP2_NO_ERROR)
    })
    answer(call, req, res)
      .catch((cause) => refused(fail(call, cause)))
      .then((answered) => {
        response = answered
        const header = new Headers(answered.header)
        for (const [name, value] of Object.entries(headersOf(call))) header.set(name, value)
        return universalResponseToNodeResponse({ ...answered, header, body: toEnd(call, answered) }, res)
      })
      .catch(() => req.stream.close(constants.NGHTTP2_INTERNAL_ERROR))
  }
}

function methodsOf(groups: readonly MethodGroup[], failAsStatus: Interceptor): Map<string, Method> {
  const methods = new Map<string, Method>()
  for (const { add, open, maxBytes, check } of groups) {
    const router = createConnectRouter({
      grpcWeb: false,
      connect: false,
      interceptors: [failAsStatus],
      binaryOptions: { readUnknownFields: false },
    })
    add(router)
    for (const handler of router.handlers) {
      const isOpen = open.includes(handler.requestPath)
      methods.set(handler.requestPath, { handler, isOpen, maxBytes, check })
    }
  }
  return methods
}

const pathOf = ({ url }: Http2ServerRequest): string => url.split('?', 1)[0] ?? ''

function unimplemented(call: GrpcCall): UniversalServerResponse {
  const error = new ConnectError(`There is no method ${call.path.slice(0, 200)}`, Code.Unimplemented)
  call.set('errorCode', 'request_malformed')
  call.set('reason', error.rawMessage)
  return refused(error)
}

const refused = (error: ConnectError): UniversalServerResponse => ({
  status: 200,
  header: new Headers({ 'content-type': 'application/grpc' }),
  trailer: setTrailerStatus(new Headers(), error),
})

function headersOf(call: GrpcCall): Record<string, string> {
  const span = call.get('span')
  return {
    ...call.metadata,
    [requestIdHeader]: call.get('requestId') ?? '',
    ...(span && { [traceresponseHeader]: span.response }),
  }
}

/** The answer's body. At its end, where the status is known, the status is written as clients read it. */
async function* toEnd(
  call: GrpcCall,
  { body, trailer }: UniversalServerResponse,
): AsyncGenerator<Uint8Array> {
  if (body) yield* body
  if (!trailer) return
  const message = trailer.get('grpc-message')
  // Connect encodes more characters than the protocol does, and clients decode only the protocol's.
  if (message !== null) trailer.set('grpc-message', encodeMessage(decodeURIComponent(message)))
  if (trailer.get('grpc-status') !== String(Code.Internal) || call.get('errorCode') !== undefined) return
  // A message that cannot be decoded did not reach its method.
  trailer.set('grpc-status', String(Code.InvalidArgument))
  trailer.set(errorCodeHeader, 'request_malformed')
  call.set('errorCode', 'request_malformed')
  call.set('reason', message === null ? '' : decodeURIComponent(message))
}

const encodeMessage = (text: string) => text.replace(/[^\x20-\x24\x26-\x7e]+/g, encodeURIComponent)

async function* once(message: Uint8Array): AsyncGenerator<Uint8Array> {
  yield message
}

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
import { universalResponseToNodeResponse } from '@connectrpc/connect-node'
import type { Clock } from '../../models/async/clock.ts'
import { SpillwayError } from '../../models/core/index.ts'
import { errorCodeHeader } from '../../models/protocols/oip.ts'
import type { Access } from '../auth/access.ts'
import type { Admit } from '../auth/limits/limit-requests.ts'
import type { CheckAdmin } from '../auth/only-admin.ts'
import { turnOptions } from '../auth/turn-options.ts'
import type { CallerOf } from '../http/caller.ts'
import { type Log, requestIdHeader } from '../http/request-log.ts'
import type { Metrics } from '../observability/metrics.ts'
import { nameRequest } from '../observability/observe-requests.ts'
import { traceresponseHeader } from '../observability/trace-context.ts'
import type { Tracing } from '../observability/tracing.ts'
import type { Offload } from '../offload/offload.ts'
import { callKey, GrpcCall } from './call.ts'
import { createFailCall } from './fail-call.ts'
import { createObserveCall } from './observe-call.ts'
import { type MessageReading, readMessage } from './read-message.ts'
import { readMessages } from './read-messages.ts'

export interface CallsOptions {
  readonly access: Access | undefined
  /** Refuses callers who are no administrators. */
  readonly checkAdmin: CheckAdmin
  readonly admit: Admit | undefined
  /** Aborted when the server begins to drain. */
  readonly draining: AbortController
  readonly callerOf: CallerOf
  readonly metrics: Pick<Metrics, 'http' | 'grpc'>
  readonly tracing: Tracing | undefined
  readonly clock: Clock
  readonly log: Log
  readonly offload: Pick<Offload, 'arriving'>
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
  readonly open?: readonly string[]
  /** Whether only administrators may call them. */
  readonly isForAdmins?: boolean
}

interface Method extends Pick<MethodGroup, 'maxBytes' | 'check'> {
  readonly handler: UniversalHandler
  readonly isOpen: boolean
  readonly isForAdmins: boolean
  readonly isStream: boolean
}

/**
 * Answers calls over gRPC. They are named, refused, limited, logged and counted as requests over HTTP are; a caller is
 * refused before its message is read.
 */
export function createCalls(options: CallsOptions, groups: readonly MethodGroup[]) {
  const { access, checkAdmin, admit, callerOf, clock, draining, log, offload, tracing, uploadMs } = options
  const observe = createObserveCall(options)

  const fail = createFailCall(log)
  const failAsStatus: Interceptor = (next) => async (request) => {
    try {
      return await next(request)
    } catch (cause) {
      const call = request.contextValues.get(callKey)
      throw call ? fail(call, cause) : cause
    }
  }
  const methods = methodsOf(groups, failAsStatus)

  const readWhole = (req: Http2ServerRequest, reading: MessageReading) => {
    const cancelUpload = clock.after(uploadMs, () => req.stream.close(constants.NGHTTP2_CANCEL))
    return readMessage(req, reading).finally(cancelUpload)
  }

  const answer = async (
    call: GrpcCall,
    req: Http2ServerRequest,
    res: Http2ServerResponse,
  ): Promise<UniversalServerResponse> => {
    const method = methods.get(call.path)
    if (!method) throw new ConnectError(`There is no method ${call.path.slice(0, 200)}`, Code.Unimplemented)
    if (!method.isOpen) await access?.authenticate(call)
    if (method.isForAdmins) await checkAdmin(call, call.path)
    // Each message of a stream is a request of its own.
    if (!method.isOpen && !method.isStream) {
      const allowance = await admit?.(call, 'rows', (headers) => Object.assign(call.metadata, headers))
      if (allowance) {
        call.set('allowance', allowance)
        res.once('close', allowance.release)
        if (req.stream.closed) allowance.release()
      }
    }
    const reading = {
      ...method,
      encoding: call.req.header('grpc-encoding'),
      arriving: { bodies: offload.arriving, caller: turnOptions(call) },
    }
    const body = method.isStream
      ? readMessages(req, { ...reading, clock, uploadMs, draining: draining.signal })
      : once(await readWhole(req, reading))
    return method.handler({
      httpVersion: req.httpVersion,
      method: req.method,
      url: `http://localhost${call.path}`,
      // Deadlines and compression are handled here. Answers are not compressed: numbers take long and gain little.
      header: new Headers({ 'content-type': call.req.header('content-type') ?? '' }),
      body,
      signal: closeSignal(req),
      contextValues: createContextValues().set(callKey, call),
    })
  }

  const onRequest = (req: Http2ServerRequest, res: Http2ServerResponse): void => {
    const call = new GrpcCall(pathOf(req), clock.now(), req.headers, req.stream.session)
    const recorded = nameRequest(call, callerOf, tracing)
    let response: UniversalServerResponse | undefined
    res.once('close', () => observe(call, recorded, response, methods.has(call.path)))
    // Resets by the client are no errors of the server's: `close` tells of them.
    req.on('error', () => {})
    res.on('error', () => {})
    // What the client has still to send is not read. A reset goes before frames that have not left.
    req.stream.once('wantTrailers', () =>
      setImmediate(() => {
        if (!req.complete) req.stream.close(constants.NGHTTP2_NO_ERROR)
      }),
    )
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
  return {
    onRequest,
    /** Streams take no more messages, and end when those that they have are answered. */
    drain: () => draining.abort(),
  }
}

export type Calls = ReturnType<typeof createCalls>

function methodsOf(groups: readonly MethodGroup[], failAsStatus: Interceptor): Map<string, Method> {
  const methods = new Map<string, Method>()
  for (const { add, open = [], isForAdmins = false, maxBytes, check } of groups) {
    const router = createConnectRouter({
      grpcWeb: false,
      connect: false,
      interceptors: [failAsStatus],
      binaryOptions: { readUnknownFields: false },
    })
    add(router)
    for (const handler of router.handlers) {
      const isOpen = open.includes(handler.requestPath)
      const isStream = handler.method.methodKind === 'bidi_streaming'
      methods.set(handler.requestPath, { handler, isOpen, isForAdmins, isStream, maxBytes, check })
    }
  }
  return methods
}

const clientLeft = new SpillwayError('aborted', 'The client left')

/** Aborts when a call has ended, however it did: until it is answered that means that its client has left. */
function closeSignal({ stream }: Http2ServerRequest): AbortSignal {
  const controller = new AbortController()
  // With a reason that exists: making one takes longer than many runs.
  const abort = () => controller.abort(clientLeft)
  if (stream.closed) abort()
  else stream.once('close', abort)
  return controller.signal
}

const pathOf = ({ url }: Http2ServerRequest): string => url.split('?', 1)[0] ?? ''

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

import type { Http2Session, IncomingHttpHeaders } from 'node:http2'
import { createContextKey } from '@connectrpc/connect'
import { HeaderCall } from '../http/header-call.ts'

/** One call over gRPC, as checks, the log and traces see a request. */
export class GrpcCall extends HeaderCall {
  readonly path: string
  /** When it began, on the clock. */
  readonly startedAt: number
  /** When its deadline began to count: of a stream's message, when the stream began. */
  deadlineFrom: number
  readonly #headers: IncomingHttpHeaders
  readonly #session: Http2Session | undefined

  constructor(
    path: string,
    startedAt: number,
    headers: IncomingHttpHeaders,
    session: Http2Session | undefined,
  ) {
    super('POST', headers, { incoming: { socket: session?.socket } })
    this.path = path
    this.startedAt = startedAt
    this.deadlineFrom = startedAt
    this.#headers = headers
    this.#session = session
  }

  /** Metadata that precedes the answer, or comes with the error. */
  get metadata(): Record<string, string> {
    return this.headersSet
  }

  /** The state of one message of a streaming call: the call's caller, and no more. */
  message(now: number): GrpcCall {
    const message = new GrpcCall(this.path, now, this.#headers, this.#session)
    message.deadlineFrom = this.deadlineFrom
    const { requestId, caller, key, span } = this.variables
    message.variables = {
      caller,
      ...(requestId !== undefined && { requestId }),
      ...(key && { key }),
      ...(span && { span }),
    }
    return message
  }
}

/** A call's own key in the values that its implementation gets. */
export const callKey = createContextKey<GrpcCall | undefined>(undefined)

import type { Http2Session, IncomingHttpHeaders } from 'node:http2'
import { createContextKey } from '@connectrpc/connect'
import type { CallContext } from '../http/call-context.ts'
import type { Variables } from '../http/request-log.ts'

/** One call over gRPC, as checks, the log and traces see a request. */
export class GrpcCall implements CallContext {
  readonly req: CallContext['req']
  readonly env: unknown
  readonly path: string
  /** When it began, on the clock. */
  readonly startedAt: number
  /** When its deadline began to count: of a stream's message, when the stream began. */
  deadlineFrom: number
  /** Metadata that precedes the answer, or comes with the error. */
  readonly metadata: Record<string, string> = {}
  readonly #headers: IncomingHttpHeaders
  readonly #session: Http2Session | undefined
  #variables: Variables = {}

  constructor(
    path: string,
    startedAt: number,
    headers: IncomingHttpHeaders,
    session: Http2Session | undefined,
  ) {
    this.path = path
    this.startedAt = startedAt
    this.deadlineFrom = startedAt
    this.#headers = headers
    this.#session = session
    this.req = {
      method: 'POST',
      header: (name) => {
        const value = headers[name]
        return Array.isArray(value) ? value.join(', ') : value
      },
    }
    this.env = { incoming: { socket: session?.socket } }
  }

  /** The state of one message of a streaming call: the call's caller, and no more. */
  message(now: number): GrpcCall {
    const message = new GrpcCall(this.path, now, this.#headers, this.#session)
    message.deadlineFrom = this.deadlineFrom
    const { requestId, caller, key, span } = this.#variables
    message.#variables = {
      caller,
      ...(requestId !== undefined && { requestId }),
      ...(key && { key }),
      ...(span && { span }),
    }
    return message
  }

  get<K extends keyof Variables>(key: K): Variables[K] {
    return this.#variables[key]
  }

  set<K extends keyof Variables>(key: K, value: Variables[K]): void {
    this.#variables[key] = value
  }

  header(name: string, value: string): void {
    this.metadata[name] = value
  }
}

/** A call's own key in the values that its implementation gets. */
export const callKey = createContextKey<GrpcCall | undefined>(undefined)

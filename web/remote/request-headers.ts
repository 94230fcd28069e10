type Headers = Readonly<Record<string, string>>

/** Adds headers of the page's own to requests to the server: its span, and a token where it has a key. */
export interface RequestHeaders {
  /** Sends a request with the headers, and once more with new ones where the server refuses their token. */
  send<T>(signal: AbortSignal | undefined, send: (headers: Headers) => Promise<T>): Promise<T>
  /** As `send`, for an answer in parts. */
  stream<T>(signal: AbortSignal | undefined, send: (headers: Headers) => AsyncIterable<T>): AsyncIterable<T>
}

const none: Headers = {}

export const noHeaders: RequestHeaders = {
  send: (_signal, send) => send(none),
  stream: (_signal, send) => send(none),
}

/** As W3C's Trace Context has it: version, trace, span and flags. */
const pattern = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/

/**
 * The header `traceparent` where the page has a span; a value that is none is not sent.
 *
 * @param others Further headers.
 */
export function traceHeaders(
  traceparent: () => string | undefined,
  others: RequestHeaders = noHeaders,
): RequestHeaders {
  // Read when the request is made: a token may be awaited before it is sent.
  const add = <R>(send: (headers: Headers) => R) => {
    const value = traceparent()
    const span = typeof value === 'string' && pattern.test(value) ? { traceparent: value } : none
    return (headers: Headers) => send({ ...span, ...headers })
  }
  return {
    send: (signal, send) => others.send(signal, add(send)),
    stream: (signal, send) => others.stream(signal, add(send)),
  }
}

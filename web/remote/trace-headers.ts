/** Headers of the page's own for requests to the server, read for each request. */
export type RequestHeaders = () => Readonly<Record<string, string>>

const none = {}

export const noHeaders: RequestHeaders = () => none

/** As W3C's Trace Context has it: version, trace, span and flags. */
const pattern = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/

/** The header `traceparent` where the page has a span; a value that is none is not sent. */
export const traceHeaders =
  (traceparent: () => string | undefined): RequestHeaders =>
  () => {
    const value = traceparent()
    return typeof value === 'string' && pattern.test(value) ? { traceparent: value } : none
  }

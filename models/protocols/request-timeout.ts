/** Seconds from its arrival after which a request's answer is of no use to its client; they may be fractional. */
export const requestTimeoutHeader = 'request-timeout'

/** The header of a request with so many milliseconds left; none where it has no deadline. */
export const requestTimeout = (deadlineMs: number | undefined): Readonly<Record<string, string>> =>
  deadlineMs === undefined ? {} : { [requestTimeoutHeader]: String(deadlineMs / 1000) }

import type { SpillwayError } from '../../models/core/index.ts'

/** Retries earned by each request: a server in trouble gets at most a tenth more requests. */
const earnedPerRequest = 0.1

/** The most retries that are saved up, for failures that come all at once. */
const maxSaved = 10

/** Retries before the first request. */
const initial = 1

/** The second attempts at the server that all requests of a page share. */
export class RetryBudget {
  #retries = initial

  /** A request was made. */
  earn(): void {
    this.#retries = Math.min(maxSaved, this.#retries + earnedPerRequest)
  }

  /** Whether one retry is allowed, which is then spent. */
  take(): boolean {
    if (this.#retries < 1) return false
    this.#retries--
    return true
  }
}

/** The longest that a retry without a deadline may be put off, in milliseconds. */
const defaultLeftMs = 10_000

/**
 * Milliseconds until the same server may be asked once more, where the connection was cut, the server is shutting down
 * and its replicas are not, or it named a time;
 * undefined where it may not. A random part keeps requests that fail together from returning together.
 *
 * @param leftMs Milliseconds to the request's deadline.
 */
export function retryDelay({ code, detail }: SpillwayError, leftMs = defaultLeftMs): number | undefined {
  const jitter = Math.random()
  const { retryAfterMs } = detail
  let delay: number | undefined
  if (code === 'server_unreachable' || code === 'server_draining') delay = 50 + 100 * jitter
  else if ((code === 'overloaded' || code === 'rate_limited') && retryAfterMs !== undefined)
    delay = retryAfterMs * (1 + 0.1 * jitter)
  return delay !== undefined && delay < leftMs ? delay : undefined
}

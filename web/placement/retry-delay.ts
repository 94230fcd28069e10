import type { RetryShare } from '../../models/async/retry-budget.ts'
import type { SpillwayError } from '../../models/core/index.ts'

/** The second attempts at the server that all requests of a page share: one in trouble gets at most a tenth more requests. */
export const retryShare: RetryShare = { initial: 1, earned: 0.1, most: 10 }

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

import type { CallContext } from '../http/call-context.ts'
import type { Keys } from './keys.ts'

export type Origins = '*' | readonly string[]

/**
 * The origins whose pages may call: those of the configuration and of the keys; all where neither names any. The same list
 * until the keys are replaced.
 */
export function createAllowedOrigins(configured: Origins | undefined, keys: Keys | undefined): () => Origins {
  if (configured === '*') return () => '*'
  if (!keys) return () => configured ?? '*'
  const allowedBeside = (origins: readonly string[]) => [...new Set([...(configured ?? []), ...origins])]
  let ofKeys = keys.origins
  let allowed = allowedBeside(ofKeys)
  return () => {
    if (ofKeys !== keys.origins) {
      ofKeys = keys.origins
      allowed = allowedBeside(ofKeys)
    }
    return allowed
  }
}

/**
 * The origin of the page that sent a request. A browser leaves it out of what a page only reads from its own origin;
 * then it is this server's own, which the `Host` header tells without the scheme.
 */
export const isFromOrigin = (c: Pick<CallContext, 'req'>, origin: string): boolean => {
  const sent = c.req.header('origin')
  return sent === undefined ? isRead(c.req.method) && hasHost(c, origin) : sent === origin
}

/** Whether a request comes from a page of this server. */
export const isOwnOrigin = (c: Pick<CallContext, 'req'>, origin: string): boolean => hasHost(c, origin)

const isRead = (method: string) => method === 'GET' || method === 'HEAD'

const hasHost = (c: Pick<CallContext, 'req'>, origin: string) =>
  origin.slice(origin.indexOf('://') + 3) === c.req.header('host')

import type { Context, MiddlewareHandler } from 'hono'
import { SpillwayError } from '../../models/core/index.ts'
import { type KeyEntry, keyPrefixes } from '../../models/protocols/api-keys.ts'
import type { Variables } from '../http/request-log.ts'
import type { Keys } from './keys.ts'
import { refuseUnread } from './refuse-unread.ts'

type Env = { Variables: Variables }

/** Who sent a request. */
export interface Identity {
  readonly key: KeyEntry
}

/** Decides who may call. */
export interface Access {
  /** Refuses requests without a key, but for what everybody may have. */
  readonly guard: MiddlewareHandler<Env>
  /** @throws SpillwayError `unauthenticated`. */
  identify(c: Context<Env>): Identity
}

/** The path of the API, for which a key is needed. Everything else that is only read is the site. */
const isApi = (path: string) => /^\/v[12](?:\/|$)/.test(path)

/** Probes have no key. */
const isHealth = (path: string) => path === '/v2/health/live' || path === '/v2/health/ready'

const isRead = (method: string) => method === 'GET' || method === 'HEAD' || method === 'OPTIONS'

/** Whether everybody may send a request; a preflight has no headers of its own. */
export const isForEverybody = (method: string, path: string): boolean =>
  method === 'OPTIONS' || (isRead(method) && (!isApi(path) || isHealth(path)))

export function createAccess(keys: Keys): Access {
  const identify = (c: Context<Env>): Identity => {
    const key = /^Bearer +(\S+)$/i.exec(c.req.header('authorization') ?? '')?.[1]
    if (key === undefined) throw unauthenticated(c, noKey(c))
    if (key.startsWith(keyPrefixes.page)) throw unauthenticated(c, pageKey)
    const entry = keys.find(key)
    if (entry?.kind !== 'server') throw unauthenticated(c, unknownKey)
    return { key: entry }
  }
  return {
    identify,
    guard: (c, next) => {
      if (isForEverybody(c.req.method, c.req.path)) return next()
      try {
        c.set('caller', `key ${identify(c).key.name}`)
      } catch (cause) {
        refuseUnread(c)
        throw cause
      }
      return next()
    },
  }
}

interface Refusal {
  readonly got: string
  /** As in RFC 6750; absent where the request has no key at all. */
  readonly error?: 'invalid_token'
}

const noKey = (c: Context): Refusal => ({
  got: c.req.header('authorization') === undefined ? 'no such header' : 'another scheme',
})

const pageKey: Refusal = {
  got: 'a key for pages, which is exchanged for a token at POST /auth/token',
  error: 'invalid_token',
}

const unknownKey: Refusal = { got: 'a key that this server does not know', error: 'invalid_token' }

function unauthenticated(c: Context, { got, error }: Refusal): SpillwayError {
  c.header('www-authenticate', `Bearer realm="spillway"${error === undefined ? '' : `, error="${error}"`}`)
  return new SpillwayError('unauthenticated', 'This server takes requests with a key only', {
    expected: 'the header "authorization: Bearer KEY"',
    got,
  })
}

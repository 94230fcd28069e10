import type { Hono, MiddlewareHandler } from 'hono'
import { SpillwayError } from '../../models/core/index.ts'
import { type KeyEntry, keyPrefixes } from '../../models/protocols/api-keys.ts'
import { tokenPath } from '../../models/protocols/auth.ts'
import type { CallContext } from '../http/call-context.ts'
import type { Variables } from '../http/request-log.ts'
import type { Keys } from './keys.ts'
import { isFromOrigin } from './origin.ts'
import { refuseUnread } from './refuse-unread.ts'
import { tokenRoute } from './token-route.ts'
import type { Tokens } from './tokens.ts'
import { type Refusal, unauthenticated } from './unauthenticated.ts'

type Env = { Variables: Variables }

/** Decides who may call. */
export interface Access {
  /** Refuses requests without a key, but for what everybody may have. */
  readonly guard: MiddlewareHandler<Env>
  /** The key of a request. @throws SpillwayError `unauthenticated` or `access_denied`. */
  identify(c: CallContext): KeyEntry | Promise<KeyEntry>
  /** Finds the key of a request, and names its caller by it. @throws As `identify`. */
  authenticate(c: CallContext): void | Promise<void>
  /** Below `/auth`. */
  readonly routes: Hono<Env>
}

/** The paths that pages and programs call, for which a key is needed. Everything else that is only read is the site. */
export const isApi = (path: string) => /^\/(?:v[12]|telemetry)(?:\/|$)/.test(path)

/** Probes have no key. */
const isHealth = (path: string) => path === '/v2/health/live' || path === '/v2/health/ready'

const isRead = (method: string) => method === 'GET' || method === 'HEAD' || method === 'OPTIONS'

/** Whether everybody may send a request. A preflight has no headers of its own, and a key is exchanged without a token. */
const isForEverybody = (method: string, path: string): boolean =>
  method === 'OPTIONS' ||
  (method === 'POST' && path === `/${tokenPath}`) ||
  (isRead(method) && (!isApi(path) || isHealth(path)))

/** Whether a request counts against the limits of its caller: reading files is for a cache in front to limit. */
export const isLimited = (method: string, path: string): boolean =>
  path === `/${tokenPath}` ? method === 'POST' : !isForEverybody(method, path)

export function createAccess(keys: Keys, tokens: Tokens): Access {
  const identify = (c: CallContext): KeyEntry | Promise<KeyEntry> => {
    const credential = /^Bearer +(\S+)$/i.exec(c.req.header('authorization') ?? '')?.[1]
    if (credential === undefined) throw unauthenticated(c, noKey(c))
    if (credential.startsWith(keyPrefixes.page)) throw unauthenticated(c, pageKey)
    const isSecret = credential.startsWith(keyPrefixes.server) || credential.startsWith(keyPrefixes.admin)
    if (!isSecret) return identifyPage(c, credential)
    const entry = keys.find(credential)
    if (!entry || entry.kind === 'page') throw unauthenticated(c, unknownKey)
    return entry
  }

  const identifyPage = async (c: CallContext, token: string): Promise<KeyEntry> => {
    const claims = await tokens.read(token)
    if (claims === 'invalid') throw unauthenticated(c, unknownKey)
    if (claims === 'expired') throw unauthenticated(c, expiredToken)
    // A key that was taken out of the file, or an origin out of its list, ends its tokens.
    const entry = keys.named(claims.sub)
    if (!entry?.origins?.includes(claims.origin)) throw unauthenticated(c, unknownKey)
    if (isFromOrigin(c, claims.origin)) return entry
    throw new SpillwayError('access_denied', 'The token belongs to a page of another origin', {
      expected: claims.origin,
      got: c.req.header('origin') ?? 'no origin',
    })
  }

  // A promise only where a token is verified: others would cost a run more than the check.
  const authenticate = (c: CallContext): void | Promise<void> => {
    const key = identify(c)
    if (key instanceof Promise) return key.then((entry) => setKey(c, entry))
    setKey(c, key)
  }

  const setKey = (c: CallContext, key: KeyEntry): void => {
    c.set('key', key)
    const { kind, name } = key
    // The visitors of a page share its key.
    const address = kind === 'page' ? ` ${c.get('caller') ?? ''}` : ''
    c.set('caller', `key ${name}${address}`)
  }

  return {
    identify,
    authenticate,
    routes: tokenRoute(keys, tokens),
    guard: (c, next) => {
      if (isForEverybody(c.req.method, c.req.path)) return next()
      const refuse = (cause: unknown): never => {
        refuseUnread(c)
        throw cause
      }
      let pending: void | Promise<void>
      try {
        pending = authenticate(c)
      } catch (cause) {
        return refuse(cause)
      }
      return pending ? pending.catch(refuse).then(next) : next()
    },
  }
}

const noKey = (c: CallContext): Refusal => ({
  got: c.req.header('authorization') === undefined ? 'no such header' : 'another scheme',
})

const pageKey: Refusal = {
  got: 'a key for pages, which is exchanged for a token at POST /auth/token',
  error: 'invalid_token',
}

const unknownKey: Refusal = { got: 'a key or token that this server does not know', error: 'invalid_token' }

const expiredToken: Refusal = { got: 'a token that has expired', error: 'invalid_token' }

import type { HttpBindings } from '@hono/node-server'
import type { Context, MiddlewareHandler } from 'hono'
import type { KeyEntry, KeyLimits } from '../../../models/protocols/api-keys.ts'
import type { CallerOf } from '../../http/caller.ts'
import { answerHeaders } from '../../http/cors.ts'
import { isOpenAi } from '../../http/errors.ts'
import type { Variables } from '../../http/request-log.ts'
import { isLimited } from '../access.ts'
import { refuseUnread } from '../refuse-unread.ts'
import type { Quota, RateLimits, Subject } from './rate-limits.ts'

type Env = { Variables: Variables }

export interface LimitDefaults {
  /** Of each key; its entry has precedence. */
  readonly key: KeyLimits
  /** Of each address that calls without a key for servers. */
  readonly address: KeyLimits
}

/** Refuses requests of callers that have used what they may, before their bodies are read. */
export const limitRequests =
  (limits: RateLimits, defaults: LimitDefaults, addressOf: CallerOf): MiddlewareHandler<Env> =>
  async (c, next) => {
    if (!isLimited(c.req.method, c.req.path)) return next()
    let least: Quota | undefined
    const report = (quota: Quota) => {
      if (!least || quota.remaining < least.remaining) least = quota
    }
    const subjects = subjectsOf(c.get('key'), addressOf(c) ?? '', defaults)
    try {
      const allowance = await limits.admit(subjects, isOpenAi(c.req.path) ? 'tokens' : 'rows', report)
      c.set('allowance', allowance)
      const outgoing = outgoingOf(c)
      // An answer that is streamed goes on after its handler.
      if (outgoing) outgoing.once('close', allowance.release)
    } catch (cause) {
      addHeaders(c, least)
      refuseUnread(c)
      throw cause
    }
    addHeaders(c, least)
    await next()
    // `app.request` in a test has no connection that closes.
    if (!outgoingOf(c)) c.get('allowance')?.release()
  }

function subjectsOf(key: KeyEntry | undefined, address: string, defaults: LimitDefaults): Subject[] {
  const subjects: Subject[] = []
  if (key) subjects.push({ name: `key ${key.name}`, limits: { ...defaults.key, ...key.limits } })
  // The address of another server says nothing of those that it calls for.
  if (!key || key.kind === 'page') subjects.push({ name: `address ${address}`, limits: defaults.address })
  return subjects
}

function addHeaders(c: Context<Env>, quota: Quota | undefined): void {
  if (!quota) return
  const seconds = String(Math.ceil(quota.resetMs / 1000))
  const headers = {
    ...answerHeaders(c),
    'ratelimit-limit': String(quota.limit),
    'ratelimit-remaining': String(quota.remaining),
    'ratelimit-reset': seconds,
    ...(isOpenAi(c.req.path) && {
      'x-ratelimit-limit-requests': String(quota.limit),
      'x-ratelimit-remaining-requests': String(quota.remaining),
      'x-ratelimit-reset-requests': `${seconds}s`,
    }),
  }
  c.set('answerHeaders', headers)
}

const outgoingOf = (c: Context) => (c.env as Partial<HttpBindings> | undefined)?.outgoing

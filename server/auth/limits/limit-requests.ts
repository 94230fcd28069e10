import type { HttpBindings } from '@hono/node-server'
import type { MiddlewareHandler } from 'hono'
import type { KeyEntry, KeyLimits } from '../../../models/protocols/api-keys.ts'
import type { CallContext } from '../../http/call-context.ts'
import type { CallerOf } from '../../http/caller.ts'
import { answerHeaders } from '../../http/cors.ts'
import { isOpenAi } from '../../http/errors.ts'
import type { Variables } from '../../http/request-log.ts'
import { isLimited } from '../access.ts'
import { refuseUnread } from '../refuse-unread.ts'
import type { Allowance, Amount, Quota, RateLimits, Subject } from './rate-limits.ts'

type Env = { Variables: Variables }

export interface LimitDefaults {
  /** Of each key; its entry has precedence. */
  readonly key: KeyLimits
  /** Of each address that calls without a key for servers. */
  readonly address: KeyLimits
}

/** What a caller has left, for the answer. */
export type QuotaHeaders = Readonly<Record<`ratelimit-${'limit' | 'remaining' | 'reset'}`, string>>

/**
 * Admits a request by its headers alone.
 *
 * @param what What it will use.
 * @param report Called with what the caller has least left of, also where the request is refused.
 * @throws SpillwayError `rate_limited`.
 */
export type Admit = (
  c: CallContext,
  what: Amount,
  report: (headers: QuotaHeaders) => void,
) => Promise<Allowance>

/** Admits requests by the limits of their key and their address. */
export const admitBy =
  (limits: RateLimits, defaults: LimitDefaults, addressOf: CallerOf): Admit =>
  async (c, what, report) => {
    let least: Quota | undefined
    try {
      return await limits.admit(subjectsOf(c.get('key'), addressOf(c) ?? '', defaults), what, (quota) => {
        if (!least || quota.remaining < least.remaining) least = quota
      })
    } finally {
      if (least) report(headersOf(least))
    }
  }

/** Refuses requests of callers that have used what they may, before their bodies are read. */
export const limitRequests =
  (admit: Admit): MiddlewareHandler<Env> =>
  async (c, next) => {
    if (!isLimited(c.req.method, c.req.path)) return next()
    try {
      await takeAllowance(admit, c, c.req.path)
    } catch (cause) {
      refuseUnread(c)
      throw cause
    }
    await next()
    // `app.request` in a test has no connection that closes.
    if (!outgoingOf(c)) c.get('allowance')?.release()
  }

interface Taken {
  readonly allowance: Allowance
  readonly headers: QuotaHeaders | undefined
}

/** What requests were given before the app had them. */
const taken = new WeakMap<HttpBindings['outgoing'], Taken>()

/**
 * Admits a request, once however often it is called for it, and releases what it was given at the end of its answer.
 *
 * @throws SpillwayError `rate_limited`.
 */
export async function takeAllowance(admit: Admit, c: CallContext, path: string): Promise<void> {
  const outgoing = outgoingOf(c)
  const { allowance, headers } =
    (outgoing && taken.get(outgoing)) ?? (await takeNew(admit, c, path, outgoing))
  if (headers) addHeaders(c, path, headers)
  c.set('allowance', allowance)
}

async function takeNew(
  admit: Admit,
  c: CallContext,
  path: string,
  outgoing: HttpBindings['outgoing'] | undefined,
): Promise<Taken> {
  let headers: QuotaHeaders | undefined
  const report = (reported: QuotaHeaders) => {
    headers = reported
    addHeaders(c, path, reported)
  }
  const allowance = await admit(c, isOpenAi(path) ? 'tokens' : 'rows', report)
  // An answer that is streamed goes on after its handler.
  if (outgoing?.destroyed) allowance.release()
  else outgoing?.once('close', allowance.release)
  const given = { allowance, headers }
  if (outgoing) taken.set(outgoing, given)
  return given
}

function subjectsOf(key: KeyEntry | undefined, address: string, defaults: LimitDefaults): Subject[] {
  const subjects: Subject[] = []
  if (key) subjects.push({ name: `key ${key.name}`, limits: { ...defaults.key, ...key.limits } })
  // The address of another server says nothing of those that it calls for.
  if (!key || key.kind === 'page') subjects.push({ name: `address ${address}`, limits: defaults.address })
  return subjects
}

const headersOf = ({ limit, remaining, resetMs }: Quota): QuotaHeaders => ({
  'ratelimit-limit': String(limit),
  'ratelimit-remaining': String(remaining),
  'ratelimit-reset': String(Math.ceil(resetMs / 1000)),
})

function addHeaders(c: CallContext, path: string, headers: QuotaHeaders): void {
  c.set('answerHeaders', {
    ...answerHeaders(c),
    ...headers,
    ...(isOpenAi(path) && {
      'x-ratelimit-limit-requests': headers['ratelimit-limit'],
      'x-ratelimit-remaining-requests': headers['ratelimit-remaining'],
      'x-ratelimit-reset-requests': `${headers['ratelimit-reset']}s`,
    }),
  })
}

const outgoingOf = (c: Pick<CallContext, 'env'>) => (c.env as Partial<HttpBindings> | undefined)?.outgoing

import { createAddressOf } from '../../http/caller.ts'
import type { Log } from '../../http/request-log.ts'
import type { Keys } from '../keys.ts'
import { type Admit, admitBy, type LimitDefaults } from './limit-requests.ts'
import { type Allowance, RateLimits } from './rate-limits.ts'
import { createMemoryStore, createRedisStore } from './rate-store.ts'

export interface LimitOptions {
  readonly limits: LimitDefaults
  readonly redisUrl: string
  readonly callerAddressHeader: string
}

export interface Limit {
  readonly admit: Admit
  /** Ends the connection to Redis. */
  readonly close: () => void
}

/**
 * The limits of a configuration; undefined where it sets none, which costs no request anything. Keys may get limits later,
 * when they are reread.
 */
export async function createLimit(
  { limits, redisUrl, callerAddressHeader }: LimitOptions,
  keys: Keys | undefined,
  log: Log,
): Promise<Limit | undefined> {
  const isSet = Object.values(limits.key).some(isNumber) || Object.values(limits.address).some(isNumber)
  if (!isSet && !keys) return undefined
  const store = redisUrl === '' ? createMemoryStore() : await createRedisStore(redisUrl, log)
  const admit = admitBy(new RateLimits(store), limits, createAddressOf(callerAddressHeader))
  const { close } = store
  if (isSet) return { admit, close }
  return { admit: (c, what, report) => (keys?.hasLimits ? admit(c, what, report) : unlimited), close }
}

const unlimited = Promise.resolve<Allowance>({ use: async () => {}, record: () => {}, release: () => {} })

const isNumber = (limit: number | undefined) => limit !== undefined

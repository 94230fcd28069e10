import { randomUUID } from 'node:crypto'
import type { Redis } from 'ioredis'
import type { Clock } from '../../../models/async/clock.ts'

/** Places of requests in flight, which servers share. */
export interface SharedSlots {
  /**
   * Takes a place of a caller that may have so many.
   *
   * @returns The function that gives it back; undefined where none is free.
   * @throws Error where Redis does not answer.
   */
  take(name: string, limit: number): Promise<(() => void) | undefined>
  close(): void
}

/**
 * A place is a member of a sorted set, with the time at which it ends as its score. Redis's own clock is asked: those of
 * servers differ.
 */
const takeScript = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then return 0 end
redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1`

/** Only a place that is still there: one that ended may be another's by now. */
const renewScript = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for index = 2, #ARGV do redis.call('ZADD', KEYS[1], 'XX', now + ARGV[1], ARGV[index]) end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 1`

/** Milliseconds for which a place is kept without a renewal: those of a server that died are free then. */
const leaseMs = 30_000

/** Renewals within the time of one place. */
const renewals = 3

const keyOf = (name: string) => `spillway:in-flight:${name}`

export function createSharedSlots(
  redis: Pick<Redis, 'eval' | 'zrem'>,
  clock: Clock,
  keptMs = leaseMs,
): SharedSlots {
  /** The places that this process has, by caller. */
  const taken = new Map<string, Set<string>>()
  let cancelRenewal: (() => void) | undefined
  const planRenewal = () => {
    cancelRenewal ??= clock.after(keptMs / renewals, () => {
      cancelRenewal = undefined
      for (const [name, places] of taken)
        redis.eval(renewScript, 1, keyOf(name), keptMs, ...places).catch(() => undefined)
      if (taken.size > 0) planRenewal()
    })
  }
  const forget = (name: string, place: string) => {
    const places = taken.get(name)
    places?.delete(place)
    if (places?.size === 0) taken.delete(name)
  }
  return {
    take: async (name, limit) => {
      const place = randomUUID()
      const isTaken = await redis.eval(takeScript, 1, keyOf(name), place, limit, keptMs)
      if (isTaken !== 1) return undefined
      taken.set(name, (taken.get(name) ?? new Set()).add(place))
      planRenewal()
      return () => {
        forget(name, place)
        // Where it does not arrive, the place ends by itself.
        redis.zrem(keyOf(name), place).catch(() => undefined)
      }
    },
    close: () => cancelRenewal?.(),
  }
}

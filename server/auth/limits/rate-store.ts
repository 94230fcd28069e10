import { RateLimiterMemory, RateLimiterRedis } from 'rate-limiter-flexible'
import { type Clock, systemClock } from '../../../models/async/clock.ts'
import { SpillwayError } from '../../../models/core/index.ts'
import type { Log } from '../../http/request-log.ts'
import { createSharedSlots, type SharedSlots } from './shared-slots.ts'

/** What a caller has used of one thing in its current minute. */
export interface Used {
  readonly amount: number
  /** Milliseconds until the minute ends. */
  readonly resetMs: number
}

/** Counts what callers use, by the minute. */
export interface RateStore {
  add(name: string, amount: number): Promise<Used>
  read(name: string): Promise<Used>
  /** Where requests in flight are counted with those of other servers. */
  readonly slots?: SharedSlots
  close(): void
}

const seconds = 60
/** Callers have different limits, which are compared outside: the library counts only. */
const options = { points: Number.MAX_SAFE_INTEGER, duration: seconds, keyPrefix: 'spillway' }

type Limiter = Pick<RateLimiterMemory, 'penalty' | 'get'>

/** Counts of this process. */
export const createMemoryStore = (): RateStore => storeOf(new RateLimiterMemory(options), () => {})

/** Milliseconds that a request waits for Redis. */
const commandTimeout = 500

/**
 * Counts that all servers with the same Redis share. While it cannot be reached, each server counts by itself.
 *
 * @param keptMs Milliseconds after which the requests in flight of a server that died count no longer.
 * @throws SpillwayError `request_malformed` where ioredis is not installed.
 */
export async function createRedisStore(
  url: string,
  log: Pick<Log, 'warn' | 'info'>,
  clock: Clock = systemClock,
  keptMs?: number,
): Promise<RateStore> {
  const { Redis } = await import('ioredis').catch((cause: unknown) => {
    throw new SpillwayError(
      'request_malformed',
      'REDIS_URL is set, and the package ioredis is not installed',
      { hint: 'Run "npm install ioredis", or remove REDIS_URL.' },
      { cause },
    )
  })
  const redis = new Redis(url, { commandTimeout, maxRetriesPerRequest: 0, enableOfflineQueue: false })
  let isReported = false
  redis.on('ready', () => {
    isReported = false
    log.info('Rate limits are shared through Redis')
  })
  redis.on('error', (err: Error) => {
    if (!isReported) log.warn({ err }, 'Redis cannot be reached: this server counts requests by itself')
    isReported = true
  })
  const limiter = new RateLimiterRedis({
    ...options,
    storeClient: redis,
    rejectIfRedisNotReady: true,
    insuranceLimiter: new RateLimiterMemory(options),
  })
  const slots = createSharedSlots(redis, clock, keptMs)
  const close = () => {
    slots.close()
    redis.disconnect()
  }
  return { ...storeOf(limiter, close), slots }
}

const storeOf = (limiter: Limiter, close: () => void): RateStore => ({
  add: async (name, amount) => usedOf(await limiter.penalty(name, amount)),
  read: async (name) => usedOf(await limiter.get(name)),
  close,
})

const usedOf = (counted: { consumedPoints: number; msBeforeNext: number } | null): Used => ({
  amount: counted?.consumedPoints ?? 0,
  resetMs: counted && counted.msBeforeNext > 0 ? counted.msBeforeNext : 1000 * seconds,
})

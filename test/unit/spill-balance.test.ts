import fc from 'fast-check'
import { beforeEach, describe, expect, test } from 'vitest'
import { Breaker } from '../../models/async/circuit-breaker.ts'
import { RetryBudget } from '../../models/async/retry-budget.ts'
import { ServerQueue } from '../../models/async/server-queue.ts'
import { SpillwayError } from '../../models/core/index.ts'
import { retryDelay, retryShare } from '../../web/placement/retry-delay.ts'
import { SpillBalance } from '../../web/placement/spill-balance.ts'
import { deferred } from '../support/deferred.ts'
import { createManualClock, type ManualClock } from '../support/manual-clock.ts'

const cut = () => Promise.reject(new SpillwayError('server_unreachable', 'cut'))
const answer = () => Promise.resolve('answer')

describe('the spill balance', () => {
  const ms = fc.double({ min: 0.01, max: 1e5, noNaN: true })
  const busy = (ms: number) => ({ queueMs: ms / 2, runMs: ms / 2 })
  const idle = (ms: number) => ({ queueMs: 0, runMs: ms })

  test('spills to a server that is clearly earlier, and keeps its tier in between', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(ms, ms, ms), { minLength: 1, maxLength: 40 }), (estimates) => {
        const balance = new SpillBalance()
        let before = false
        for (const [deviceMs, serverMs, deadlineMs] of estimates) {
          const spills = balance.weigh(busy(deviceMs), idle(serverMs), deadlineMs) !== undefined
          const toleranceMs = Math.min(100, deadlineMs / 4)
          if (deviceMs > 1.3 * serverMs && deviceMs > serverMs + toleranceMs) expect(spills).toBe(true)
          else if (deviceMs <= serverMs + toleranceMs / 2) expect(spills).toBe(false)
          else expect(spills).toBe(before)
          before = spills
        }
      }),
    )
  })

  test('does not spill for a difference that cannot be noticed, unless the deadline is near', () => {
    expect(new SpillBalance().weigh(idle(120), idle(30))).toBeUndefined()
    expect(new SpillBalance().weigh(idle(140), idle(30))).toBeDefined()
    expect(new SpillBalance().weigh(idle(120), idle(30), 200)).toBeDefined()
  })

  test('probes an idle device at growing intervals, and not where the probe would take too long', () => {
    const probes = (deviceMs: number, deadlineMs?: number) => {
      const balance = new SpillBalance()
      const all = Array.from({ length: 100 }, () => balance.weigh(idle(deviceMs), idle(20), deadlineMs))
      return all.flatMap((spill, index) => (spill ? [] : [index + 1]))
    }
    expect(probes(200)).toEqual([8, 24, 56])
    expect(probes(200, 300)).toEqual([])
    expect(probes(600)).toEqual([])
  })
})

describe('the retry budget', () => {
  test('allows one retry for ten requests, in any order', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 400 }), (isRequest) => {
        const budget = new RetryBudget(retryShare)
        let requests = 0
        let retries = 0
        for (const request of isRequest) {
          if (request) {
            requests++
            budget.earn()
          } else if (budget.take()) retries++
          expect(retries).toBeLessThanOrEqual(1 + requests / 10 + 1e-9)
        }
      }),
    )
  })

  test('saves up at most ten retries', () => {
    const budget = new RetryBudget(retryShare)
    for (let request = 0; request < 1_000; request++) budget.earn()
    let retries = 0
    while (budget.take()) retries++
    expect(retries).toBe(10)
  })
})

describe('a retry', () => {
  const overloaded = new SpillwayError('overloaded', 'full', { retryAfterMs: 1_000 })
  test.each([
    ['a cut connection', new SpillwayError('server_unreachable', 'cut'), 50, 150],
    ['a full server that names a time', overloaded, 1_000, 1_100],
  ])('after %s waits for a time that varies', (_what, error, least, most) => {
    const delays = Array.from({ length: 50 }, () => retryDelay(error, 5_000) ?? 0)
    expect(Math.min(...delays)).toBeGreaterThanOrEqual(least)
    expect(Math.max(...delays)).toBeLessThanOrEqual(most)
    expect(new Set(delays).size).toBeGreaterThan(10)
  })

  test('is not made past the deadline, nor after a failure that may have run or would repeat', () => {
    expect(retryDelay(overloaded, 900)).toBeUndefined()
    expect(retryDelay(new SpillwayError('overloaded', 'full'), 5_000)).toBeUndefined()
    expect(retryDelay(new SpillwayError('overloaded', 'full', { retryAfterMs: 60_000 }))).toBeUndefined()
    for (const code of ['server_timeout', 'run_failed', 'model_unknown', 'server_response_invalid'] as const)
      expect(retryDelay(new SpillwayError(code, 'no'), 5_000)).toBeUndefined()
  })
})

describe('the circuit breaker', () => {
  let clock: ManualClock
  beforeEach(() => {
    clock = createManualClock()
  })

  const broken = async () => {
    const breaker = new Breaker(clock)
    for (let failure = 0; failure < 2; failure++) await breaker.run(cut).catch(() => undefined)
    return breaker
  }

  test('opens after two failures in a row, and not for the errors of a live server', async () => {
    const breaker = new Breaker(clock)
    const refuse = () => Promise.reject(new SpillwayError('overloaded', 'full'))
    for (let index = 0; index < 5; index++) await breaker.run(refuse).catch(() => undefined)
    await breaker.run(cut).catch(() => undefined)
    await breaker.run(answer)
    await breaker.run(cut).catch(() => undefined)
    expect(breaker.isClosed).toBe(true)
    await breaker.run(cut).catch(() => undefined)
    expect(breaker.isClosed).toBe(false)
  })

  test('lets one exchange probe the server, and closes when it is answered', async () => {
    const breaker = await broken()
    clock.advance(4_999)
    expect(breaker.isClosed).toBe(false)
    clock.advance(1)
    expect(breaker.isClosed).toBe(true)
    const probe = deferred<string>()
    const probed = breaker.run(() => probe.promise)
    expect(breaker.isClosed, 'while the probe runs').toBe(false)
    probe.resolve('back')
    expect(await probed).toBe('back')
    expect(breaker.isClosed).toBe(true)
  })

  test('stays open longer after each failed probe, inconclusive ones included', async () => {
    const breaker = await broken()
    const late = () => Promise.reject(new SpillwayError('aborted', 'gone'))
    for (const [openMs, probe] of [
      [5_000, cut],
      [10_000, late],
      [20_000, cut],
      [40_000, cut],
      [60_000, cut],
      [60_000, cut],
    ] as const) {
      clock.advance(openMs - 1)
      expect(breaker.isClosed).toBe(false)
      clock.advance(1)
      expect(breaker.isClosed).toBe(true)
      await breaker.run<string>(probe).catch(() => undefined)
    }
  })

  test('lets a request through that has no other tier, and closes when it is answered', async () => {
    const breaker = await broken()
    await expect(breaker.run(cut)).rejects.toMatchObject({ code: 'server_unreachable' })
    expect(breaker.isClosed).toBe(false)
    expect(await breaker.run(answer)).toBe('answer')
    expect(breaker.isClosed).toBe(true)
  })
})

describe('the server’s queue', () => {
  test('is the last reported wait minus the time since, and zero where none was reported', () => {
    const clock = createManualClock()
    const queue = new ServerQueue(clock)
    queue.report(null)
    expect(queue.ms).toBe(0)
    queue.report('120.5')
    clock.advance(20.5)
    expect(queue.ms).toBe(100)
    for (const rubbish of ['soon', '-1', 'Infinity', '', null]) queue.report(rubbish)
    // An empty header reads as none waiting.
    expect(queue.ms).toBeLessThanOrEqual(100)
    clock.advance(1_000)
    expect(queue.ms).toBe(0)
  })

  test('counts the wait of an abandoned exchange, for as long', () => {
    const clock = createManualClock()
    const queue = new ServerQueue(clock)
    queue.unanswered(400)
    queue.unanswered(100)
    expect(queue.ms).toBe(400)
    clock.advance(400)
    expect(queue.ms).toBe(0)
  })
})

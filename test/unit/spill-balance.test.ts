import fc from 'fast-check'
import { beforeEach, describe, expect, test } from 'vitest'
import { SpillwayError } from '../../models/core/index.ts'
import { retryDelay } from '../../web/placement/failure.ts'
import { hedge } from '../../web/placement/hedge.ts'
import { Latency } from '../../web/placement/latency.ts'
import { RetryBudget } from '../../web/placement/retry-budget.ts'
import { SpillBalance } from '../../web/placement/spill-balance.ts'
import { Breaker } from '../../web/remote/circuit-breaker.ts'
import { ServerQueue } from '../../web/remote/server-queue.ts'
import { deferred } from '../support/deferred.ts'
import { createManualClock, type ManualClock } from '../support/manual-clock.ts'

const cut = () => Promise.reject(new SpillwayError('server_unreachable', 'cut'))
const answer = () => Promise.resolve('answer')

describe('the balance', () => {
  const ms = fc.double({ min: 0.01, max: 1e5, noNaN: true })
  const busy = (ms: number) => ({ queueMs: ms / 2, runMs: ms / 2 })
  const idle = (ms: number) => ({ queueMs: 0, runMs: ms })

  test('goes to the side that is clearly earlier, and keeps its side in between', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(ms, ms, ms), { minLength: 1, maxLength: 40 }), (estimates) => {
        const balance = new SpillBalance()
        let before = false
        for (const [deviceMs, serverMs, withinMs] of estimates) {
          const spills = balance.weigh(busy(deviceMs), idle(serverMs), withinMs) !== undefined
          const unnoticed = Math.min(100, withinMs / 4)
          if (deviceMs > 1.3 * serverMs && deviceMs > serverMs + unnoticed) expect(spills).toBe(true)
          else if (deviceMs <= serverMs + unnoticed / 2) expect(spills).toBe(false)
          else expect(spills).toBe(before)
          before = spills
        }
      }),
    )
  })

  test('leaves a quick server alone while nobody notices, and not where the deadline is near', () => {
    expect(new SpillBalance().weigh(idle(120), idle(30))).toBeUndefined()
    expect(new SpillBalance().weigh(idle(140), idle(30))).toBeDefined()
    expect(new SpillBalance().weigh(idle(120), idle(30), 200)).toBeDefined()
  })

  test('tries an idle device again, ever more rarely, and not where that would cost too much', () => {
    const trials = (deviceMs: number, withinMs?: number) => {
      const balance = new SpillBalance()
      const all = Array.from({ length: 100 }, () => balance.weigh(idle(deviceMs), idle(20), withinMs))
      return all.flatMap((late, index) => (late ? [] : [index + 1]))
    }
    expect(trials(200)).toEqual([8, 24, 56])
    expect(trials(200, 300)).toEqual([])
    expect(trials(600)).toEqual([])
  })
})

describe('the retry budget', () => {
  test('allows one retry for ten requests, whatever their order', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 400 }), (isRequest) => {
        const budget = new RetryBudget()
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

  test('saves up ten at most', () => {
    const budget = new RetryBudget()
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
    ['a full server that says when', overloaded, 1_000, 1_100],
  ])('after %s waits a little, not all the same', (_what, error, least, most) => {
    const delays = Array.from({ length: 50 }, () => retryDelay(error, 5_000) ?? 0)
    expect(Math.min(...delays)).toBeGreaterThanOrEqual(least)
    expect(Math.max(...delays)).toBeLessThanOrEqual(most)
    expect(new Set(delays).size).toBeGreaterThan(10)
  })

  test('is not made past the deadline, nor for what may have run or would fail again', () => {
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

  test('lets one exchange probe whether the server is back, and closes when it is', async () => {
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

  test('stays open longer after each failed or inconclusive probe', async () => {
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

  test('makes the exchange of a request that can run nowhere else, and is closed by its answer', async () => {
    const breaker = await broken()
    await expect(breaker.run(cut)).rejects.toMatchObject({ code: 'server_unreachable' })
    expect(breaker.isClosed).toBe(false)
    expect(await breaker.run(answer)).toBe('answer')
    expect(breaker.isClosed).toBe(true)
  })
})

describe('the server’s queue', () => {
  test('is what it last said, less the time since; nothing where it says nothing', () => {
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

  test('is at least as long as an exchange waited that was given up, for as long', () => {
    const clock = createManualClock()
    const queue = new ServerQueue(clock)
    queue.unanswered(400)
    queue.unanswered(100)
    expect(queue.ms).toBe(400)
    clock.advance(400)
    expect(queue.ms).toBe(0)
  })
})

describe('a hedge', () => {
  const make = () => {
    const clock = createManualClock()
    const first = deferred<string>()
    const second = deferred<string>()
    const signals: AbortSignal[] = []
    const controller = new AbortController()
    const hedged = (withSecond = true) =>
      hedge({
        clock,
        afterMs: 50,
        signal: controller.signal,
        first: (signal) => {
          signals.push(signal)
          return first.promise
        },
        second: (signal) => {
          if (!withSecond) return undefined
          signals.push(signal)
          return second.promise
        },
      })
    return { clock, first, second, signals, controller, hedged }
  }

  test('asks the second only when the first is late', async () => {
    const { clock, first, signals, hedged } = make()
    const answer = hedged()
    clock.advance(49)
    first.resolve('first')
    expect(await answer).toBe('first')
    clock.advance(100)
    expect(signals.length).toBe(1)
  })

  test('takes the first answer and calls the other off, whichever it is', async () => {
    for (const winner of ['first', 'second'] as const) {
      const made = make()
      const answer = made.hedged()
      made.clock.advance(50)
      made[winner].resolve(winner)
      expect(await answer).toBe(winner)
      expect(made.signals.map(({ aborted }) => aborted)).toEqual([winner === 'second', winner === 'first'])
    }
  })

  test('fails as the first did, when both did; and waits for the one that still runs', async () => {
    const { clock, first, second, hedged } = make()
    const answer = hedged()
    clock.advance(50)
    second.reject(new Error('second'))
    first.reject(new Error('first'))
    await expect(answer).rejects.toThrow('second')

    const other = make()
    const late = other.hedged()
    other.clock.advance(50)
    other.first.reject(new Error('first'))
    other.second.resolve('second')
    expect(await late).toBe('second')
  })

  test('goes on with the first where there is no second, and stops both at the caller’s word', async () => {
    const alone = make()
    const answer = alone.hedged(false)
    alone.clock.advance(50)
    alone.first.resolve('first')
    expect(await answer).toBe('first')

    const { clock, signals, controller, first, hedged } = make()
    const stopped = hedged()
    clock.advance(50)
    controller.abort()
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, true])
    first.reject(new Error('aborted'))
    void stopped.catch(() => undefined)
  })

  test('is late by what nineteen of twenty lately took, and by nothing before that is known', () => {
    const latency = new Latency()
    for (let ms = 1; ms < 20; ms++) latency.add(ms)
    expect(latency.p95).toBeUndefined()
    latency.add(20)
    expect(latency.p95).toBe(20)
    for (let ms = 0; ms < 128; ms++) latency.add(5)
    expect(latency.p95).toBe(5)
  })
})

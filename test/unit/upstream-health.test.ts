import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ErrorCode } from '../../models/core/index.ts'
import { failure, manualReplicas, settled } from '../support/manual-replicas.ts'

describe('health', () => {
  test('a replica that fails twice is out until its ready route answers', async () => {
    let isReady = false
    const { clock, send, names, calls, outOf } = manualReplicas(2, async () => {
      if (!isReady) throw failure('server_unreachable')
    })
    for (let index = 0; index < 2; index++) {
      void send()
      calls.at(-1)?.fail(failure('server_unreachable'))
      await settled()
      calls.at(-1)?.answer('done')
      await settled()
    }
    const out = outOf('a:1')
    expect(out?.isOut).toBe(true)
    const before = names().length
    for (let index = 0; index < 4; index++) void send()
    expect(new Set(names().slice(before))).toEqual(new Set(['b:1']))
    for (const ms of [100, 200, 400]) {
      clock.advance(ms)
      await settled()
      expect(out?.isOut).toBe(true)
    }
    isReady = true
    clock.advance(800)
    await settled()
    expect(out?.isOut).toBe(false)
  })

  test('where none can be called, requests wait for a probe that is due soon', async () => {
    let isReady = false
    const { clock, replicas, send, calls } = manualReplicas(1, async () => {
      if (!isReady) throw failure('server_unreachable')
    })
    await expect(replicas.check()).rejects.toMatchObject({ code: 'lane_failed' })
    expect(replicas.isReady).toBe(false)
    expect(replicas.refusal()).toBeUndefined()
    const results = [send(), send({ deadlineMs: 50 }), send()]
    clock.advance(50)
    await expect(results[1]).rejects.toMatchObject({ code: 'deadline_exceeded' })
    isReady = true
    clock.advance(50)
    await settled()
    for (const call of calls) call.answer('done')
    expect(await Promise.all([results[0], results[2]])).toEqual(['done', 'done'])
  })

  test('where none can be called, and none for a while, they are refused at once', async () => {
    const { clock, replicas, send } = manualReplicas(2, () => Promise.reject(failure('server_unreachable')))
    await expect(replicas.check()).rejects.toMatchObject({ code: 'lane_failed' })
    const waiting = send()
    for (const ms of [100, 200, 400, 800]) {
      clock.advance(ms)
      await settled()
    }
    await expect(waiting).rejects.toMatchObject({ code: 'lane_failed' })
    const detail = { retryAfterMs: 1_600 }
    expect(replicas.refusal()).toMatchObject({ code: 'lane_failed', detail })
    await expect(send()).rejects.toMatchObject({ code: 'lane_failed', detail })
  })

  test('a burst of broken connections behind the only address loses no request', async () => {
    const { clock, replicas, send, calls } = manualReplicas(1)
    const results = Array.from({ length: 8 }, () => send())
    for (const call of calls.splice(0)) call.fail(failure('server_unreachable'))
    await settled()
    expect(replicas.isReady).toBe(false)
    for (const ms of [50, 50, 100]) {
      clock.advance(ms)
      await settled()
    }
    for (const call of calls) call.answer('done')
    expect(await Promise.all(results)).toEqual(results.map(() => 'done'))
  })

  test('the requests of a replica that gives no sign of life go to another', async () => {
    const { clock, send, names, calls, outOf } = manualReplicas(2, ({ host }) =>
      host === 'a:1' ? new Promise(() => {}) : Promise.resolve(),
    )
    const result = send()
    clock.advance(3_000)
    await settled()
    clock.advance(2_000)
    await settled()
    expect(names()).toEqual(['a:1', 'b:1'])
    expect(outOf('a:1')?.isOut).toBe(true)
    calls[1]?.answer('done')
    expect(await result).toBe('done')
  })

  test('a replica that computes for long is asked and left alone', async () => {
    const { clock, send, names, calls } = manualReplicas(2)
    const result = send()
    for (let seconds = 0; seconds < 30; seconds++) {
      clock.advance(1_000)
      await settled()
    }
    calls[0]?.answer('done')
    expect(await result).toBe('done')
    expect(names()).toEqual(['a:1'])
  })
})

const ends: readonly (ErrorCode | 'answer' | 'hang')[] = [
  'answer',
  'hang',
  'overloaded',
  'server_unreachable',
  'server_timeout',
  'lane_failed',
  'run_failed',
]

test('each request settles once, within its deadline, whatever its replicas do', async () => {
  const request = fc.record({
    deadlineMs: fc.integer({ min: 1, max: 3_000 }),
    ends: fc.array(fc.constantFrom(...ends), { minLength: 3, maxLength: 3 }),
    leavesAt: fc.option(fc.integer({ min: 0, max: 3_000 }), { nil: undefined }),
    affinity: fc.option(fc.constantFrom('one', 'other'), { nil: undefined }),
  })
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 4 }),
      fc.array(request, { maxLength: 12 }),
      async (count, requests) => {
        const { clock, replicas } = manualReplicas(count, () =>
          Math.floor(clock.now() / 1_000) % 2 === 0
            ? Promise.resolve()
            : Promise.reject(failure('server_unreachable')),
        )
        const outcomes = requests.map(() => 0)
        const running = new Set<AbortSignal>()
        const results = requests.map(({ deadlineMs, ends, leavesAt, affinity }, index) => {
          const controller = new AbortController()
          if (leavesAt !== undefined) clock.after(leavesAt, () => controller.abort())
          let attempt = 0
          const result = replicas.send(
            ({ signal }) => {
              const end = ends[attempt++] ?? 'answer'
              running.add(signal)
              return new Promise<string>((resolve, reject) => {
                signal.addEventListener('abort', () => running.delete(signal))
                if (end === 'hang') return
                clock.after(7 * index, () => (end === 'answer' ? resolve(end) : reject(failure(end))))
              })
            },
            { deadlineMs, affinity, signal: controller.signal },
          )
          const settle = () => {
            outcomes[index] = (outcomes[index] ?? 0) + 1
            expect(clock.now()).toBeLessThanOrEqual(Math.min(deadlineMs, leavesAt ?? deadlineMs) + 10)
          }
          return result.then(settle, settle)
        })
        for (let ms = 0; ms < 3_100; ms += 10) {
          clock.advance(10)
          await settled()
        }
        await Promise.all(results)
        expect(outcomes).toEqual(requests.map(() => 1))
        expect(running.size).toBe(0)
        expect(replicas.all.map(({ inFlight }) => inFlight)).toEqual(replicas.all.map(() => 0))
      },
    ),
    { numRuns: 20 },
  )
})

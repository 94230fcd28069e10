import { describe, expect, test } from 'vitest'
import { deferred } from '../support/deferred.ts'
import { createManualClock } from '../support/manual-clock.ts'
import { codeOf, failure, manualReplicas, settled } from '../support/manual-replicas.ts'

describe('the choice of a replica', () => {
  test('goes to the one with the fewest calls in flight, where none has answered yet', () => {
    const { send, names } = manualReplicas(3)
    for (let index = 0; index < 6; index++) void send()
    expect(names()).toEqual(['a:1', 'b:1', 'c:1', 'a:1', 'b:1', 'c:1'])
  })

  test('goes to the one with the least latency times its calls, and tries each', async () => {
    const { send, names, answerIn } = manualReplicas(2)
    for (const ms of [30, 10, 10]) {
      void send()
      await answerIn(ms)
    }
    expect(names()).toEqual(['a:1', 'b:1', 'b:1'])
    for (let index = 0; index < 5; index++) void send()
    expect(names().slice(3)).toEqual(['b:1', 'b:1', 'a:1', 'b:1', 'b:1'])
  })

  test('tries a slow one again after a while', async () => {
    const { clock, send, names, answerIn } = manualReplicas(2)
    const run = async (ms: number) => {
      void send()
      await answerIn(ms)
    }
    for (const ms of [1_000, 10, 10, 10]) await run(ms)
    expect(names().slice(1)).toEqual(['b:1', 'b:1', 'b:1'])
    for (let index = 0; index < 60; index++) {
      clock.advance(1_000)
      await run(10)
    }
    expect(names().slice(4)).toContain('a:1')
  })

  test('sends requests with the same prefix to the same one, and others elsewhere', async () => {
    const { send, names } = manualReplicas(4)
    const prefixes = Array.from({ length: 40 }, (_, index) => `prefix ${index}`)
    const replicaOf = new Map<string, string | undefined>()
    for (const affinity of prefixes) {
      void send({ affinity })
      replicaOf.set(affinity, names().at(-1))
    }
    expect(new Set(replicaOf.values()).size).toBe(4)
    for (const affinity of prefixes) {
      void send({ affinity })
      expect(names().at(-1)).toBe(replicaOf.get(affinity))
    }
  })

  test('leaves the replica of a prefix whose load is far above the others', () => {
    const { send, names } = manualReplicas(4)
    for (let index = 0; index < 40; index++) void send({ affinity: 'the same' })
    const counts = [...new Set(names())].map((name) => names().filter((other) => other === name).length)
    expect(counts.length).toBeGreaterThan(1)
    expect(Math.max(...counts)).toBeLessThan(30)
  })
})

describe('retries', () => {
  const refusals = ['overloaded', 'server_draining', 'lane_failed'] as const
  const faults = ['server_unreachable', 'server_timeout', 'server_response_invalid'] as const

  test.each([...refusals, ...faults])('go to another replica after %s', async (code) => {
    const { send, names, calls } = manualReplicas(2)
    const result = send()
    calls[0]?.fail(failure(code))
    await settled()
    calls[1]?.answer('done')
    expect(await result).toBe('done')
    expect(names()).toEqual(['a:1', 'b:1'])
  })

  test('are not made for faults of the request', async () => {
    const { send, names, calls } = manualReplicas(2)
    const result = send()
    calls[0]?.fail(failure('input_shape_invalid'))
    expect(await codeOf(result)).toBe('input_shape_invalid')
    expect(names()).toEqual(['a:1'])
  })

  test('of a request that may not run twice follow refusals only', async () => {
    const { send, names, calls } = manualReplicas(2)
    const result = send({ isRepeatable: false })
    calls[0]?.fail(failure('overloaded'))
    await settled()
    calls[1]?.fail(failure('server_unreachable'))
    expect(await codeOf(result)).toBe('lane_failed')
    expect(names()).toEqual(['a:1', 'b:1'])
  })

  test('wait for as long as the only replica asks, where that is short', async () => {
    const { clock, send, names, calls } = manualReplicas(1)
    const result = send({ deadlineMs: 5_000 })
    calls[0]?.fail(failure('overloaded', { retryAfterMs: 800 }))
    await settled()
    clock.advance(799)
    await settled()
    expect(names()).toHaveLength(1)
    clock.advance(1)
    await settled()
    calls[1]?.answer('done')
    expect(await result).toBe('done')
  })

  test.each([
    ['is long', 2_000, 60_000],
    ['ends after the deadline', 900, 500],
  ])('are not made where the wait %s: the caller gets the hint', async (_case, retryAfterMs, deadlineMs) => {
    const { send, calls } = manualReplicas(1)
    const result = send({ deadlineMs })
    calls[0]?.fail(failure('overloaded', { retryAfterMs }))
    await expect(result).rejects.toMatchObject({ code: 'overloaded', detail: { retryAfterMs } })
  })

  test('are at most a fifth of the requests, and ten', async () => {
    const { clock, replicas } = manualReplicas(4)
    for (let index = 0; index < 500; index++) {
      const result = replicas.send(() => Promise.reject(failure('overloaded')))
      expect(await codeOf(result)).toBe('overloaded')
      clock.advance(1)
    }
    expect(replicas.retries.made).toBeGreaterThan(100)
    expect(replicas.retries.made).toBeLessThanOrEqual(10 + 500 / 5)
    expect(replicas.retries.refused).toBeGreaterThan(300)
  })
})

describe('deadlines and callers', () => {
  test('a failure after the deadline is the deadline’s, also where the timer of it is late', async () => {
    const clock = createManualClock()
    const lateTimers = { ...clock, after: (ms: number, task: () => void) => clock.after(ms + 50, task) }
    const { send, calls } = manualReplicas(2, undefined, lateTimers)
    const result = send({ deadlineMs: 100 })
    clock.advance(120)
    calls[0]?.fail(failure('server_unreachable'))
    expect(await codeOf(result)).toBe('deadline_exceeded')
    expect(calls).toHaveLength(1)
  })

  test('end the request at once, and its call', async () => {
    const { clock, send, calls } = manualReplicas(2)
    const result = send({ deadlineMs: 100 })
    clock.advance(100)
    expect(await codeOf(result)).toBe('deadline_exceeded')
    expect(calls[0]?.call.signal.aborted).toBe(true)
  })

  test('a caller who leaves is answered at once', async () => {
    const { send, calls } = manualReplicas(2)
    const controller = new AbortController()
    const result = send({ signal: controller.signal })
    controller.abort()
    expect(await codeOf(result)).toBe('aborted')
    expect(calls[0]?.call.signal.aborted).toBe(true)
  })

  test('an answer in parts stays in flight until it ends, and is not retried', async () => {
    const { replicas } = manualReplicas(2)
    const { promise, reject } = deferred<void>()
    const value = await replicas.send(async (call) => {
      call.keepUntil(promise)
      return call.name
    })
    expect(value).toBe('a:1')
    expect(replicas.all[0]?.inFlight).toBe(1)
    reject(failure('server_unreachable'))
    await settled()
    expect(replicas.all[0]).toMatchObject({ inFlight: 0, outcomes: { failed: 1, answered: 0 } })
    expect(replicas.retries.made).toBe(0)
  })

  test('closing ends what is in flight and refuses what comes later', async () => {
    const { replicas, send, names } = manualReplicas(2)
    const result = send()
    replicas.close()
    expect(await codeOf(result)).toBe('closed')
    expect(await codeOf(send())).toBe('closed')
    expect(names()).toHaveLength(1)
  })
})

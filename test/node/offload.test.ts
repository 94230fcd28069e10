import { getEventListeners } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { afterEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../models/async/clock.ts'
import { createOffload, type Job, type Offload } from '../../server/offload/offload.ts'
import { requestLimits } from '../../server/request-limits.ts'
import { createManualClock } from '../support/manual-clock.ts'
import { createTestOffload } from '../support/offload.ts'

let offload: Offload
afterEach(() => offload.close())

const entry = new URL('../support/offload-faults.mjs', import.meta.url)
const open = (options = {}) => {
  offload = createOffload({ entry, clock: systemClock, taskMs: 5_000, maxBytes: 1_000, ...options })
  // The stand-in takes any input, and returns it.
  const run = offload.run as (name: string, input: object, job: Job) => Promise<unknown>
  return (fault: string, job: Partial<Job> = {}, more = {}) =>
    run('readText', { fault, ...more }, { bytes: 1, ...job })
}

describe('a thread that fails in a task', () => {
  test.each([
    ['throw', 'internal'],
    ['exit', 'internal'],
    ['fill', 'memory_exhausted'],
    ['hang', 'deadline_exceeded'],
  ])('by %s fails that task alone, and is replaced', async (fault, code) => {
    const run = open({ taskMs: fault === 'hang' ? 3_000 : 60_000, maxMegabytes: 32 })
    const answers = [run('echo'), run(fault), run('echo')]
    expect(await answers[0]).toMatchObject({ fault: 'echo' })
    await expect(answers[1]).rejects.toMatchObject({ code })
    expect(await answers[2]).toMatchObject({ fault: 'echo' })
  })
})

describe('tasks that wait', () => {
  test('are bounded by their bytes', async () => {
    const run = open()
    const first = run('echo', { bytes: 2_000 })
    await expect(run('echo', { bytes: 1 })).rejects.toMatchObject({
      code: 'overloaded',
      detail: { retryAfterMs: expect.any(Number) },
    })
    await first
    await run('echo', { bytes: 1 })
  })

  test('leave for those of another caller where one has most of the bytes, the last first', async () => {
    const run = open()
    const ask = (caller: string, bytes: number) =>
      run('echo', { caller, bytes }).then(
        () => 'answered',
        ({ code }) => code,
      )
    const many = [ask('many', 300), ask('many', 300), ask('many', 300)]
    const refused = await ask('many', 200)
    const few = [ask('few', 200), ask('few', 400)]
    expect(refused).toBe('overloaded')
    expect(await Promise.all(many)).toEqual(['answered', 'answered', 'overloaded'])
    // With both it would have more than the other.
    expect(await Promise.all(few)).toEqual(['answered', 'overloaded'])
    expect(offload.stats()).toEqual({ waiting: 0, running: 0, bytes: 0 })
  })

  test.runIf(process.platform === 'linux')('give way to the other threads', async () => {
    offload = createTestOffload()
    const model = { prompts: [], templateArguments: undefined, contextLength: 0 }
    await offload
      .run('tokenize', { ...model, source: { folder: '', paths: [], key: '' } }, { bytes: 1 })
      .catch(() => {})
    const niceOf = (task: string) => readFileSync(`/proc/self/task/${task}/stat`, 'utf8').split(' ').at(18)
    expect(readdirSync('/proc/self/task').map(niceOf)).toContain('5')
  })

  test('of callers take turns', async () => {
    const run = open()
    const order: string[] = []
    const ask = async (caller: string) => {
      await run('echo', { caller, bytes: 10 })
      order.push(caller)
    }
    await Promise.all([...Array.from({ length: 20 }, () => ask('many')), ask('one')])
    expect(order.indexOf('one')).toBeLessThan(3)
  })

  test('of a caller that left are not begun', async () => {
    const run = open()
    const left = new AbortController()
    const first = run('echo')
    const second = run('echo', { signal: left.signal })
    left.abort()
    await expect(second).rejects.toMatchObject({ code: 'aborted' })
    await first
  })

  test('of a caller that left are refused at once, and their bytes are free', async () => {
    const run = open({ taskMs: 60_000 })
    const running = run('hang')
    const left = new AbortController()
    const waiting = run('echo', { signal: left.signal, bytes: 999 })
    left.abort()
    await expect(waiting).rejects.toMatchObject({ code: 'aborted' })
    const next = run('echo', { bytes: 999 })
    offload.close()
    for (const answer of [running, next]) await expect(answer).rejects.toMatchObject({ code: 'closed' })
  })

  test('fail as closed when the server closes', async () => {
    const run = open()
    const answers = [run('hang'), run('echo')]
    offload.close()
    for (const answer of answers) await expect(answer).rejects.toMatchObject({ code: 'closed' })
  })
})

describe('at its deadline', () => {
  const late = { code: 'deadline_exceeded', detail: { expected: 'an answer within 100 ms' } }

  test('a task that waits is dropped, and its bytes are free', async () => {
    const clock = createManualClock()
    const run = open({ clock, taskMs: 60_000 })
    const running = run('hang')
    const waiting = run('echo', { bytes: 999, askedAt: clock.now(), deadlineMs: 100 })
    clock.advance(100)
    await expect(waiting).rejects.toMatchObject(late)
    const next = run('echo', { bytes: 999 })
    clock.advance(60_000)
    await expect(running).rejects.toMatchObject({ detail: { expected: 'at most 60000 ms' } })
    expect(await next).toMatchObject({ fault: 'echo' })
  })

  test('a task that runs is answered, and its bytes are free when its thread is', async () => {
    const clock = createManualClock()
    const run = open({ clock, taskMs: 60_000 })
    const running = run('hang', { bytes: 500, deadlineMs: 100 })
    clock.advance(100)
    await expect(running).rejects.toMatchObject(late)
    await expect(run('echo', { bytes: 999 })).rejects.toMatchObject({ code: 'overloaded' })
    const next = run('echo', { bytes: 500 })
    clock.advance(59_900)
    expect(await next).toMatchObject({ fault: 'echo' })
  })

  test('a task counts the time since its request arrived', async () => {
    const clock = createManualClock()
    const run = open({ clock, taskMs: 60_000 })
    const running = run('hang', { askedAt: -99, deadlineMs: 100 })
    clock.advance(1)
    await expect(running).rejects.toMatchObject(late)
  })

  test('nothing is left to watch once a task is answered', async () => {
    const clock = createManualClock()
    const run = open({ clock })
    const { signal } = new AbortController()
    await run('echo', { signal, deadlineMs: 100 })
    clock.advance(100)
    expect([clock.waiting, getEventListeners(signal, 'abort')]).toEqual([0, []])
  })
})

test('the real thread passes on what a request has wrong', async () => {
  offload = createTestOffload()
  const body = new TextEncoder().encode('{"model":"x","messages":[]}')
  await expect(
    offload.run(
      'readText',
      { kind: 'chat', body, bounds: { maxTokens: 10, forwarded: {}, json: requestLimits.json } },
      { bytes: body.length },
    ),
  ).rejects.toMatchObject({ code: 'request_malformed', detail: { param: 'messages' } })
})

import { describe, expect, test } from 'vitest'
import { SpillwayError, type Tensor } from '../../models/core/index.ts'
import { EventClock } from '../bench/scale/event-clock.ts'
import { Replica } from '../bench/scale/replica.ts'
import { chat, vision } from '../bench/scale/workload.ts'
import { seeded } from '../support/seeded.ts'

interface Load {
  /** Milliseconds of a lane. */
  readonly runMs: (rows: number) => number
  /** Requests a second, from as many callers. */
  readonly rate: number
  readonly callers: number
  readonly seconds: number
  readonly deadlineMs?: number
}

/** One server with one lane, whose requests come at random moments, whether earlier ones were answered or not. */
async function offer({ runMs, rate, callers, seconds, deadlineMs = 30_000 }: Load) {
  const clock = new EventClock()
  const replica = new Replica({ clock, backend: 'cpu', lanes: 1, runMs: (_workload, rows) => runMs(rows) })
  const random = seeded(5)
  let answered = 0
  /** Of requests after the first second, in which a burst is let in. */
  const answeredMs: number[] = []
  const refusedMs: number[] = []
  const others: string[] = []
  let asked = 0
  const next = () => {
    if (clock.now() >= 1_000 * seconds) return
    asked++
    const askedAt = clock.now()
    const caller = `caller ${asked % callers}`
    replica.infer(vision, 1, inputs, { caller, deadlineMs }).then(
      () => {
        answered++
        if (askedAt > 1_000) answeredMs.push(clock.now() - askedAt)
      },
      (cause: unknown) => {
        const code = cause instanceof SpillwayError ? cause.code : String(cause)
        if (code === 'overloaded') refusedMs.push(clock.now() - askedAt)
        else others.push(code)
      },
    )
    clock.after((-Math.log(1 - random()) * 1_000) / rate, next)
  }
  next()
  await clock.run(1_000 * seconds + deadlineMs)
  answeredMs.sort((one, other) => one - other)
  return {
    asked,
    answered,
    refused: refusedMs.length,
    others,
    slowestRefusalMs: Math.max(0, ...refusedMs),
    p99: answeredMs[Math.floor(0.99 * answeredMs.length)] ?? 0,
  }
}

const inputs: Readonly<Record<string, Tensor>> = {
  x: { type: 'float32', data: new Float32Array(1), shape: [1, 1] },
}

/** A CPU: each row costs the same. */
const linear = (rows: number) => 10 * rows
/** A GPU: most of a small run's cost is fixed. */
const fixed = (rows: number) => 13 + 0.73 * rows
/** Rows a second where runs take the server's 100 ms. */
const peakOf = (runMs: (rows: number) => number) => {
  let rows = 1
  while (runMs(rows + 1) <= 100) rows++
  return (1_000 * rows) / runMs(rows)
}
describe('a server that is asked for more than it can answer', () => {
  test.each([
    // Runs of two rows answer as much as runs of ten.
    ['a CPU, twice as much', linear, 2, 60, 30],
    ['a CPU, ten times as much', linear, 10, 60, 30],
    ['a GPU, twice as much', fixed, 2, 20, 100],
  ] as const)('answers as much as ever, and in time: %s', async (_what, runMs, factor, seconds, batchMs) => {
    const peak = peakOf(runMs)
    const load = { runMs, callers: 200, seconds }
    const alone = await offer({ ...load, rate: 0.05 * peak, seconds: 60 })
    const offered = await offer({ ...load, rate: factor * peak })
    expect(offered.others).toEqual([])
    expect(offered.answered + offered.refused).toBe(offered.asked)
    expect(offered.answered / seconds).toBeGreaterThan(0.9 * peak)
    expect(offered.p99).toBeLessThan(2 * alone.p99 + batchMs)
    expect(offered.slowestRefusalMs).toBe(0)
  })

  test('refuses nobody at 80% of what it can answer', async () => {
    const { refused, answered } = await offer({ runMs: linear, rate: 80, callers: 200, seconds: 60 })
    expect(refused / answered).toBeLessThan(0.02)
  })

  test('refuses at once what its deadline does not allow', async () => {
    const late = await offer({ runMs: () => 400, rate: 10, callers: 50, seconds: 30, deadlineMs: 500 })
    expect(late.refused).toBeGreaterThan(0)
    expect(late.others.length).toBeLessThan(0.02 * late.asked)
  })
})

test('an idle server takes 300 ms of work at once, of a caller that asks for more and of another beside it', async () => {
  const clock = new EventClock()
  const replica = new Replica({ clock, backend: 'cpu', lanes: 1, runMs: (_workload, rows) => linear(rows) })
  const ask = (caller: string) =>
    replica.infer(vision, 1, inputs, { caller }).then(
      () => 'answered',
      (cause: unknown) => (cause instanceof SpillwayError ? cause.code : String(cause)),
    )
  const learned = Array.from({ length: 8 }, (_, at) => {
    let outcome: Promise<string> | undefined
    clock.after(100 * at, () => {
      outcome = ask('first')
    })
    return () => outcome
  })
  await clock.run(2_000)
  expect(await Promise.all(learned.map((outcome) => outcome()))).toEqual(Array(8).fill('answered'))

  const burst = Array.from({ length: 1_000 }, () => ask('eager'))
  // One that asks for little is served beside it.
  const modest = ask('modest')
  await clock.run(60_000)
  const outcomes = await Promise.all(burst)
  const answered = outcomes.filter((outcome) => outcome === 'answered').length
  expect(answered).toBeGreaterThan(20)
  expect(answered).toBeLessThan(45)
  expect(outcomes.filter((outcome) => outcome === 'overloaded').length).toBe(1_000 - answered)
  expect(await modest).toBe('answered')
})

test('a server whose slots are taken refuses a text that would get its slot after half a minute', async () => {
  const clock = new EventClock()
  const replica = new Replica({ clock, backend: 'webgpu', lanes: 1, runMs: () => 1 })
  const generator = replica.generator(chat)
  const request = { prompt: Array(128).fill(1), generated: 0, maxTokens: 512, stopTokens: [], sampling: {} }
  const write = (caller: string) =>
    generator.generate(request, { caller, deadlineMs: 600_000 }).result.then(
      ({ timings }) => timings.queueMs,
      (cause: unknown) => (cause instanceof SpillwayError ? cause.code : String(cause)),
    )
  const first = Array.from({ length: 16 }, (_, at) => write(`first ${at}`))
  await clock.run(120_000)
  await Promise.all(first)
  const outcomes = Array.from({ length: 300 }, (_, at) => write(`caller ${at}`))
  await clock.run(2_000_000)
  const settled = await Promise.all(outcomes)
  const waits = settled.filter((outcome) => typeof outcome === 'number')
  expect(settled.filter((outcome) => outcome === 'overloaded').length).toBe(300 - waits.length)
  expect(waits.length).toBeGreaterThan(16)
  expect(waits.length).toBeLessThan(200)
  expect(Math.max(...waits)).toBeLessThan(45_000)
})

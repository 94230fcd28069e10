import { describe, expect, test } from 'vitest'
import { SpillwayError } from '../../models/core/index.ts'
import { EventClock } from '../bench/scale/event-clock.ts'
import { Replica } from '../bench/scale/replica.ts'
import { chat, vision } from '../bench/scale/workload.ts'
import { offerLoad, oneRow } from '../support/offer-load.ts'

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
    const alone = await offerLoad({ ...load, rate: 0.05 * peak, seconds: 60 })
    const offered = await offerLoad({ ...load, rate: factor * peak })
    expect(offered.others).toEqual([])
    expect(offered.answered + offered.refused).toBe(offered.asked)
    expect(offered.answered / seconds).toBeGreaterThan(0.9 * peak)
    expect(offered.p99).toBeLessThan(2 * alone.p99 + batchMs)
    expect(offered.slowestRefusalMs).toBe(0)
  })

  test('refuses nobody at 80% of what it can answer', async () => {
    const { refused, answered } = await offerLoad({ runMs: linear, rate: 80, callers: 200, seconds: 60 })
    expect(refused / answered).toBeLessThan(0.02)
  })

  test.each([300, 1_000])('a caller with %d rows a request is answered beside others', async (rowsBeside) => {
    const load = { runMs: linear, rate: 20, callers: 200, seconds: 60 }
    const alone = await offerLoad(load)
    const beside = await offerLoad({ ...load, beside: { rows: rowsBeside } })
    // Each waits for the part that runs, which takes half as long again as a batch at most, and for a batch.
    expect(beside.p99).toBeLessThan(alone.p99 + 2.5 * 100)
    expect(beside.refused).toBeLessThan(0.01 * beside.asked)
    expect(beside.others).toEqual([])
    // It gets what the others leave: four fifths, in which its rows take 10 ms each.
    const rows = rowsBeside * beside.outcomesBeside.length
    expect(beside.outcomesBeside).toEqual(Array(beside.outcomesBeside.length).fill('answered'))
    expect(rows).toBeGreaterThan(0.9 * 0.8 * 100 * load.seconds)
  })

  test('refuses at once what its deadline does not allow', async () => {
    const late = await offerLoad({ runMs: () => 400, rate: 10, callers: 50, seconds: 30, deadlineMs: 500 })
    expect(late.refused).toBeGreaterThan(0)
    expect(late.others.length).toBeLessThan(0.02 * late.asked)
  })
})

test('an idle server takes 300 ms of work at once, of a caller that asks for more and of another beside it', async () => {
  const clock = new EventClock()
  const replica = new Replica({ clock, backend: 'cpu', lanes: 1, runMs: (_workload, rows) => linear(rows) })
  const ask = (caller: string) =>
    replica.infer(vision, 1, oneRow, { caller }).then(
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

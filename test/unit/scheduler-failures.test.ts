import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { SpillwayError, type Tensor } from '../../models/core/index.ts'
import * as cutting from '../../workers/host/scheduler/cut-request.ts'
import { priorities } from '../../workers/host/scheduler/priority.ts'
import { createEchoScheduler, echo, finish, valuesOf, workOf } from '../support/echo-scheduler.ts'

describe('Scheduler', () => {
  test('fails a bad request alone, however many share its batch', async () => {
    const { clock, scheduler } = createEchoScheduler({
      fault: ({ data }) =>
        [...data].map(Number).includes(13) ? new SpillwayError('run_failed', 'Unlucky') : undefined,
    })
    const answers = Array.from({ length: 20 }, (_, value) =>
      scheduler.ask(workOf([[value]])).then(valuesOf, (error) => error.code),
    )
    await finish(clock, scheduler)
    expect(await Promise.all(answers)).toEqual(
      Array.from({ length: 20 }, (_, value) => (value === 13 ? 'run_failed' : [value])),
    )
  })

  test('settles every request once, with its own answer, in bounded batches, whatever is submitted', async () => {
    const request = fc.record({
      // Those of more than a batch run in parts.
      rows: fc.oneof(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 5, max: 30 })),
      columns: fc.integer({ min: 1, max: 3 }),
      priority: fc.constantFrom(...priorities),
      deadlineMs: fc.option(fc.integer({ min: 1, max: 200 }), { nil: undefined }),
      abortAfter: fc.option(fc.integer({ min: 0, max: 100 }), { nil: undefined }),
      pause: fc.integer({ min: 0, max: 30 }),
      fate: fc.constantFrom('fine', 'fine', 'fine', 'fails', 'kills'),
    })
    await fc.assert(
      fc.asyncProperty(
        fc.array(request, { maxLength: 40 }),
        fc.integer({ min: 1, max: 3 }),
        async (requests, lanesCount) => {
          let settled = 0
          // A row's first number is the index of its request, whose fate decides the fault.
          const fault = ({ data, shape }: Tensor) => {
            const columns = shape[1] ?? 1
            const fates = [...data]
              .map(Number)
              .filter((_, index) => index % columns === 0)
              .map((index) => requests[index]?.fate)
            if (fates.includes('kills')) return new SpillwayError('lane_lost', 'Killed')
            return fates.includes('fails') ? new SpillwayError('run_failed', 'Failed') : undefined
          }
          const source = echo({ batching: { maxRows: 6 } })
          const { clock, lanes, scheduler } = createEchoScheduler({
            lanes: lanesCount,
            fault,
            maxQueued: 25,
            cutting: () => cutting,
            msOf: (rows) => 3 + rows,
          })
          const outcomes: Promise<unknown>[] = []
          for (const [
            index,
            { rows, columns, priority, deadlineMs, abortAfter, pause },
          ] of requests.entries()) {
            const controller = new AbortController()
            if (abortAfter !== undefined) clock.after(abortAfter, () => controller.abort())
            const values = Array.from({ length: rows }, () => new Array(columns).fill(index))
            outcomes.push(
              scheduler
                .ask(workOf(values, source), { priority, deadlineMs, signal: controller.signal })
                .then(valuesOf, (error) => error.code)
                .finally(() => settled++),
            )
            await new Promise(setImmediate)
            clock.advance(pause)
          }
          await finish(clock, scheduler)
          const answers = await Promise.all(outcomes)
          expect(settled).toBe(requests.length)
          expect(scheduler.size + scheduler.pending).toBe(0)
          for (const { shape } of lanes.batches) expect(shape[0]).toBeLessThanOrEqual(6)
          for (const [index, { rows, columns, deadlineMs, abortAfter, fate }] of requests.entries()) {
            const own = new Array(rows * columns).fill(index)
            const allowed: unknown[] = ['overloaded']
            if (deadlineMs !== undefined) allowed.push('deadline_exceeded')
            if (abortAfter !== undefined) allowed.push('aborted')
            if (fate === 'fine') allowed.push(own)
            if (fate === 'fails') allowed.push('run_failed')
            if (fate === 'kills') allowed.push('poisoned')
            expect(allowed).toContainEqual(answers[index])
          }
        },
      ),
      { numRuns: 150 },
    )
  })
})

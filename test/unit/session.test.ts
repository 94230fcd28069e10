import { describe, expect, test } from 'vitest'
import { type CheckedInputs, type Manifest, type RunResult, SpillwayError } from '../../models/core/index.ts'
import { StatefulSession } from '../../web/api/session.ts'
import type { PlacementOptions } from '../../web/placement/placement-resolver.ts'
import { createManualClock } from '../support/manual-clock.ts'
import { digitsManifest } from '../support/test-models.ts'

/** A model that adds its inputs up: the sum is its output and its state. */
const summing: Manifest = {
  ...digitsManifest,
  id: 'summing',
  inputs: [
    { name: 'x', type: 'float32', shape: [-1] },
    { name: 'sum', type: 'float32', shape: [1, -1], batchAxis: 1 },
  ],
  outputs: [
    { name: 'y', type: 'float32', shape: [-1] },
    { name: 'next', type: 'float32', shape: [1, -1], batchAxis: 1 },
  ],
  state: [{ input: 'sum', output: 'next' }],
}

const options: PlacementOptions = { policy: 'device' }

interface Started extends CheckedInputs {
  readonly options: PlacementOptions
  finish(): void
  fail(error: SpillwayError): void
}

/** A session whose runs the test finishes by hand, and the runs that were started. */
function createSession() {
  const clock = createManualClock()
  const started: Started[] = []
  const run = (inputs: CheckedInputs, options: PlacementOptions) =>
    new Promise<RunResult>((resolve, reject) => {
      const { x, sum } = inputs.tensors
      if (!x || !sum) throw new Error('an input is missing')
      const data = new Float32Array(inputs.rows).map((_, row) => Number(x.data[row]) + Number(sum.data[row]))
      const outputs = { y: { ...x, data }, next: { ...sum, data } }
      const placement = {
        tier: 'device',
        backend: 'cpu',
        variant: 'fp32',
        reason: 'policy',
        explanation: 'a test',
      } as const
      started.push({
        ...inputs,
        options,
        finish: () => resolve({ outputs, placement, timings: { totalMs: 3, queueMs: 1, computeMs: 2 } }),
        fail: reject,
      })
      options.signal?.addEventListener('abort', () => reject(new SpillwayError('aborted', 'Aborted')))
    })
  return { clock, started, session: new StatefulSession(summing, run, clock) }
}

const turn = () => new Promise(setImmediate)
const x = (...values: number[]) => ({
  x: { data: Float32Array.from(values), shape: [values.length] },
})
const y = ({ outputs }: RunResult) => [...(outputs.y?.data ?? [])]
const code = (error: SpillwayError) => error.code

/** Finishes each run as it starts, in order. */
async function finishAll(started: Started[]): Promise<void> {
  for (let index = 0; index < 100; index++) {
    for (const run of started) run.finish()
    await turn()
  }
}

describe('a session of a model with state', () => {
  test('returns the outputs that are asked for, and asks a run for the state as well', async () => {
    const { started, session } = createSession()
    const answer = session.run(x(1), options, ['y'])
    await finishAll(started)
    expect(started[0]?.outputs).toEqual(['y', 'next'])
    expect(Object.keys((await answer).outputs)).toEqual(['y'])
    for (const names of [['next'], ['z'], []])
      await expect(session.run(x(1), options, names)).rejects.toMatchObject({
        code: 'output_name_invalid',
        detail: { expected: 'y, each once' },
      })
  })

  test('runs one after the other, each from the state that the one before it left', async () => {
    const { session, started } = createSession()
    const runs = [1, 2, 3].map((value) => session.run(x(value), options))
    await turn()
    expect(started).toHaveLength(1)
    expect(started[0]?.tensors.sum).toEqual({ type: 'float32', data: new Float32Array(1), shape: [1, 1] })
    await finishAll(started)
    expect((await Promise.all(runs)).map(y)).toEqual([[1], [3], [6]])
  })

  test('has the state neither among its outputs nor among its inputs', async () => {
    const { session, started } = createSession()
    const run = session.run(x(1), options)
    await turn()
    await finishAll(started)
    expect(Object.keys((await run).outputs)).toEqual(['y'])
    await expect(session.run({ ...x(1), sum: new Float32Array(1) }, options)).rejects.toMatchObject({
      code: 'input_name_invalid',
    })
  })

  test('keeps the state of as many rows as its first run has', async () => {
    const { session, started } = createSession()
    const first = session.run(x(1, 2), options)
    const second = session.run(x(10, 20), options)
    await expect(session.run(x(1), options)).rejects.toMatchObject({
      code: 'input_shape_invalid',
      message: expect.stringContaining('expected 2, as in its first run, got 1'),
    })
    await finishAll(started)
    expect([y(await first), y(await second)]).toEqual([
      [1, 2],
      [11, 22],
    ])
  })

  test('goes on from the state before a failed run', async () => {
    const { session, started } = createSession()
    const runs = [1, 2, 3].map((value) => session.run(x(value), options).then(y, code))
    await turn()
    started[0]?.finish()
    await turn()
    started[1]?.fail(new SpillwayError('run_failed', 'Failed'))
    await finishAll(started)
    expect(await Promise.all(runs)).toEqual([[1], 'run_failed', [4]])
  })

  test('is unchanged by an aborted run, waiting or running, and keeps the order of the others', async () => {
    const { session, started } = createSession()
    const [running, waiting] = [new AbortController(), new AbortController()]
    const runs = [
      session.run(x(1), { ...options, signal: running.signal }).then(y, code),
      session.run(x(2), { ...options, signal: waiting.signal }).then(y, code),
      session.run(x(4), options).then(y, code),
    ]
    await turn()
    waiting.abort()
    expect(await runs[1]).toBe('aborted')
    await turn()
    expect(started).toHaveLength(1)
    running.abort()
    expect(await runs[0]).toBe('aborted')
    await finishAll(started)
    expect(await runs[2]).toEqual([4])
    await expect(session.run(x(1), { ...options, signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'aborted',
    })
  })

  test('counts the wait for earlier runs towards the deadline and in the timings', async () => {
    const { session, started, clock } = createSession()
    const first = session.run(x(1), options)
    const short = session.run(x(2), { ...options, deadlineMs: 50 }).then(y, code)
    const long = session.run(x(3), { ...options, deadlineMs: 200 })
    await turn()
    clock.advance(60)
    expect(await short).toBe('deadline_exceeded')
    started[0]?.finish()
    await first
    await turn()
    expect(started[1]?.options.deadlineMs).toBe(140)
    await finishAll(started)
    expect((await long).timings).toEqual({ totalMs: 63, queueMs: 61, computeMs: 2 })
  })

  test('refuses a run where 1,024 wait', async () => {
    const { session, started } = createSession()
    const accepted = Array.from({ length: 1_024 }, () => session.run(x(1), options).then(y, code))
    await expect(session.run(x(1), options)).rejects.toMatchObject({ code: 'overloaded' })
    session.close()
    expect(new Set(await Promise.all(accepted))).toEqual(new Set(['closed']))
    expect(started).toHaveLength(1)
  })

  test('rejects all runs once it is closed, and aborts the one that runs', async () => {
    const { session, started } = createSession()
    const running = session.run(x(1), options).then(y, code)
    const waiting = session.run(x(1), options).then(y, code)
    await turn()
    session.close()
    session.close()
    expect(await running).toBe('closed')
    expect(await waiting).toBe('closed')
    expect(started[0]?.options.signal?.aborted).toBe(true)
    await expect(session.run(x(1), options)).rejects.toMatchObject({ code: 'closed' })
    await turn()
    expect(started).toHaveLength(1)
  })

  test('is refused for a model without state', () => {
    const run = () => Promise.reject(new Error('it ran'))
    expect(() => new StatefulSession(digitsManifest, run, createManualClock())).toThrow(
      expect.objectContaining({ code: 'not_supported', message: expect.stringContaining('Use model.run()') }),
    )
  })
})

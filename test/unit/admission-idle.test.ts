import { expect, test } from 'vitest'
import { Admission, type ExpectedWait } from '../../workers/host/scheduler/admission.ts'
import { LoadEstimator } from '../../workers/host/scheduler/load-estimator.ts'
import { ModelRegistry } from '../../workers/host/scheduler/model-registry.ts'
import type { BatchedModel } from '../../workers/host/scheduler/work.ts'
import { echo } from '../support/echo-scheduler.ts'
import { createManualClock } from '../support/manual-clock.ts'

const model = echo()
const other = echo({ id: 'other' })

/** An estimator over lanes of which so many have each model, and so many of these are free. */
function estimatorWith(lanes: Record<string, { readonly count: number; readonly free: number }>) {
  const clock = createManualClock()
  const lanesOf = ({ key }: BatchedModel) => lanes[key] ?? { count: 1, free: 0 }
  const models = new ModelRegistry<BatchedModel>({ targetMs: 100, maxBatchBytes: 2 ** 20 })
  const load = new LoadEstimator(
    models,
    {
      count: (source) => lanesOf(source).count,
      free: (source) => lanesOf(source).free,
      shared: () => true,
      onFree: () => {},
      run: () => Promise.reject(new Error('Nothing runs here')),
      prepare: () => Promise.resolve(),
    },
    clock,
  )
  for (const source of [model, other]) models.of(source).curve.learn(1, 40)
  const run = (source: BatchedModel) => {
    const { curve, lateMs } = models.of(source)
    load.began({ source, curve, lateMs, rows: 1, since: clock.now() })
  }
  return { clock, load, run }
}

test('a lane that has the model and is free is idle, whatever runs in lanes without it', () => {
  const { clock, load, run } = estimatorWith({ echo: { count: 1, free: 1 }, other: { count: 1, free: 0 } })
  run(other)
  clock.advance(5)
  expect(load.expectedWait(model, 1, 1, 0)).toMatchObject({ idleMs: 5, isInFlight: false })
  expect(load.expectedWait(other, 1, 1, 0)).toMatchObject({ idleMs: undefined, isInFlight: true })
})

test('a lane that takes no batch is not idle, though no batch runs in it', () => {
  const { load } = estimatorWith({ echo: { count: 2, free: 0 } })
  expect(load.expectedWait(model, 1, 1, 0)?.idleMs).toBeUndefined()
})

test('a model whose cost was taken for too high runs again beside others, and one at a time', () => {
  const admission = new Admission({ clock: createManualClock(), burstMs: 300 })
  const expected: ExpectedWait = {
    waitMs: 40,
    aheadMs: 20,
    othersMs: 20,
    sharedMs: 10_000,
    runMs: 10_000,
    loneMs: 10_000,
    batchMs: 100,
    idleMs: undefined,
    hasLong: false,
    hasWaiting: false,
    isInFlight: false,
  }
  expect(admission.refusal(expected, 1_000, {})).toBeUndefined()
  expect(admission.refusal({ ...expected, isInFlight: true }, 1_000, {})?.code).toBe('overloaded')
  // What others still need is known from their own runs.
  expect(admission.refusal({ ...expected, waitMs: 2_000 }, 1_000, {})?.detail.retryAfterMs).toBe(1_000)
  expect(admission.refusal({ ...expected, isInFlight: true }, undefined, {})).toBeUndefined()
})

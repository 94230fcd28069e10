import { expect, test } from 'vitest'
import type { RunResult } from '../../models/core/index.ts'
import { featureCount, writeFeatures } from '../../web/app/payments/features.ts'
import { Latencies } from '../../web/app/payments/latencies.ts'
import { simulatePayment } from '../../web/app/payments/simulate.ts'
import { type HeldPayment, PaymentStream } from '../../web/app/payments/stream.ts'

/** A fixed series from 0 to 1. */
function randomSeries(): () => number {
  let state = 1
  return () => {
    state = (state * 48_271) % 2_147_483_647
    return state / 2_147_483_647
  }
}

const answer = (probability: number): RunResult => ({
  outputs: {
    probability: { type: 'float32', shape: [1, 1], data: Float32Array.of(probability) },
  },
  placement: { tier: 'device', backend: 'wasm', variant: 'fp32', reason: 'policy', explanation: '' },
  timings: { totalMs: 1, queueMs: 0, computeMs: 1 },
})

function createStream() {
  let now = 0
  const calls: { resolve: (result: RunResult) => void; reject: (cause: unknown) => void }[] = []
  const held: HeldPayment[] = []
  const stream = new PaymentStream({
    run: () => new Promise((resolve, reject) => calls.push({ resolve, reject })),
    onHeld: (payment) => held.push(payment),
    onLost: () => {},
    now: () => now,
    random: randomSeries(),
  })
  const tickAfter = (ms: number) => {
    now += ms
    stream.tick()
  }
  return { stream, calls, held, tickAfter }
}

test('the stream sends as many payments as its rate says, and makes up for no pause', () => {
  const { stream, calls, tickAfter } = createStream()
  stream.rate = 100
  for (let tick = 0; tick < 100; tick++) tickAfter(16)
  expect(calls.length).toBe(160)
  tickAfter(60_000)
  expect(calls.length).toBe(165)
})

test('the stream is held back while thousands wait, and goes on as they are answered', async () => {
  const { stream, calls, tickAfter } = createStream()
  stream.rate = 1_000_000
  for (let tick = 0; tick < 5; tick++) tickAfter(16)
  expect(calls.length).toBe(4_096)
  for (const { resolve } of calls.splice(0, 4_000)) resolve(answer(0))
  await Promise.resolve()
  expect(stream.scored).toBe(4_000)
  tickAfter(1)
  expect(calls.length).toBeGreaterThan(96)
})

test('the stream holds what is likely fraud, and counts what was lost', async () => {
  const { stream, calls, held, tickAfter } = createStream()
  stream.rate = 100
  tickAfter(30)
  expect(calls.length).toBe(3)
  calls[0]?.resolve(answer(0.4))
  calls[1]?.resolve(answer(0.9))
  calls[2]?.reject(new Error('gone'))
  await new Promise((resolve) => setTimeout(resolve))
  expect(stream).toMatchObject({ scored: 2, onDevice: 2, lost: 1 })
  expect(held).toMatchObject([{ tier: 'device', ms: 0 }])
})

test('latencies have percentiles, and what is two seconds old is left out', () => {
  const latencies = new Latencies()
  expect(latencies.percentile(0.5)).toBeUndefined()
  for (let ms = 1; ms <= 100; ms++) latencies.add(ms)
  expect(latencies.percentile(0.5)).toBeCloseTo(50, -1)
  expect(latencies.percentile(0.99)).toBeGreaterThan(95)
  expect(latencies.percentile(0.99)).toBeLessThan(115)
  for (let turn = 0; turn < 8; turn++) latencies.turn()
  expect(latencies.percentile(0.5)).toBeUndefined()
})

test('a payment has the features of its model: all finite, no place online', () => {
  const random = randomSeries()
  const features = new Float32Array(featureCount)
  for (let index = 0; index < 2_000; index++) {
    const facts = simulatePayment(random)
    writeFeatures(features, facts)
    expect(features.every(Number.isFinite)).toBe(true)
    expect(features[10]).toBe(facts.isOnline ? 1 : 0)
    if (facts.isOnline) expect([...features.subarray(1, 3)]).toEqual([0, 0])
  }
})

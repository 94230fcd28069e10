import { describe, expect, test } from 'vitest'
import {
  checkInputs,
  type Manifest,
  type Policy,
  SpillwayError,
  type Variant,
} from '../../models/core/index.ts'
import type { Capacity } from '../../web/device/capacity/capacity.ts'
import { DeviceSession } from '../../web/device/device-session.ts'
import type { DispatcherOptions } from '../../web/placement/dispatcher.ts'
import { Router } from '../../web/placement/router.ts'
import { Breaker } from '../../web/remote/circuit-breaker.ts'
import type { RunAnswer, WaitOptions } from '../../workers/host/scheduler/work.ts'
import { createManualClock, type ManualClock } from '../support/manual-clock.ts'
import { digitsManifest } from '../support/test-models.ts'

const phone: Capacity = {
  gpu: null,
  wasm: { simd: true, jspi: false, threads: 1 },
  memoryBudget: 2 ** 30,
  storage: null,
}

/** What a tier does with its next requests; by default it answers at once. */
type Behaviour = (wait: WaitOptions) => Promise<void>

interface Bed {
  readonly clock: ManualClock
  readonly asked: { device: string[]; server: number }
  device: Behaviour
  server: Behaviour
  prepare: (session: DeviceSession) => Promise<void>
  /** Milliseconds that each says it would take. */
  estimates: { device: number; server: number }
  run(policy?: Policy, wait?: WaitOptions): ReturnType<Router['run']>
}

const atOnce = async () => {}
const inputs = checkInputs(digitsManifest, { image: new Float32Array(784) })

function createBed(manifest: Manifest = digitsManifest, hedge = false): Bed {
  const clock = createManualClock()
  const ready = new Set<DeviceSession>()
  const sessions = new Map<string, DeviceSession>()
  const answer = (backend: 'wasm' | 'cpu'): RunAnswer => ({
    outputs: {},
    executedOn: { backend, variant: 'fp32' },
    queueMs: 0,
    computeMs: 0,
    answeredAt: clock.now(),
    batchRows: 1,
  })
  const device: DispatcherOptions['device'] = {
    session: (manifest, variant, backend) => {
      const key = `${backend}/${variant.id}`
      const session = sessions.get(key) ?? new DeviceSession(manifest, variant, backend, async () => [])
      sessions.set(key, session)
      return session
    },
    isReady: (session) => ready.has(session),
    prepare: async (session) => {
      await harness.prepare(session)
      ready.add(session)
    },
    submit: async (work, wait, reader) => {
      harness.asked.device.push(work.source.variant)
      try {
        await harness.device(wait)
      } catch (cause) {
        return reader.onError(SpillwayError.from(cause, 'internal', 'failed'), work, wait)
      }
      return reader.onResult(answer('wasm'), work)
    },
    estimate: () => ({ queueMs: 0, runMs: harness.estimates.device }),
    isSaturated: false,
  }
  const remote: DispatcherOptions['remote'] = {
    breaker: new Breaker(clock),
    submit: async (_manifest, _work, wait) => {
      harness.asked.server++
      await harness.server(wait)
      return answer('cpu')
    },
    estimate: () => ({ queueMs: 0, runMs: harness.estimates.server }),
    isSaturated: false,
  }
  const calibrations = { recall: async () => {}, speedsOf: () => ({}) }
  const router = new Router({
    capacity: () => Promise.resolve(phone),
    device,
    remote,
    calibrations,
    hedge,
    clock,
  })
  const harness: Bed = {
    clock,
    asked: { device: [], server: 0 },
    device: atOnce,
    server: atOnce,
    prepare: atOnce,
    estimates: { device: 1, server: 10 },
    run: (policy = 'auto', wait = {}) => router.run(manifest, inputs, { ...wait, policy }),
  }
  return harness
}

const fail =
  (...[code, message, detail]: ConstructorParameters<typeof SpillwayError>): Behaviour =>
  () =>
    Promise.reject(new SpillwayError(code, message, detail))

const full = fail('overloaded', 'full', { retryAfterMs: 400 })

/** Lets what was started get as far as it can without time. */
const settle = async () => {
  for (let turn = 0; turn < 50; turn++) await Promise.resolve()
}

/** A bed whose device has the model loaded. */
async function loadedBed(...options: Parameters<typeof createBed>) {
  const harness = createBed(...options)
  await harness.run('device')
  harness.asked.device.length = 0
  return harness
}

describe('a full device', () => {
  test('sends the request to the server, and gets the next one again', async () => {
    const harness = await loadedBed()
    harness.device = full
    expect((await harness.run()).placement).toMatchObject({ tier: 'server', reason: 'spill' })
    harness.device = atOnce
    expect((await harness.run()).placement).toMatchObject({ tier: 'device', reason: 'device-capable' })
  })

  test('is told at once where the policy or the server leaves nothing else', async () => {
    const harness = await loadedBed()
    harness.device = full
    const told = { code: 'overloaded', detail: { retryAfterMs: 400 } }
    await expect(harness.run('device')).rejects.toMatchObject(told)
    harness.server = fail('server_unreachable', 'down')
    const run = harness.run()
    await settle()
    harness.clock.advance(200)
    await expect(run).rejects.toMatchObject({ code: 'server_unreachable' })
  })
})

describe('a full server', () => {
  test('leaves the request to the device that has the model, and is left alone for as long as it said', async () => {
    const harness = await loadedBed()
    harness.estimates = { device: 200, server: 10 }
    harness.server = full
    expect((await harness.run()).placement.tier).toBe('device')
    harness.server = atOnce
    harness.clock.advance(399)
    expect((await harness.run()).placement.tier).toBe('device')
    harness.clock.advance(1)
    expect((await harness.run()).placement).toMatchObject({ tier: 'server', reason: 'spill' })
  })

  test('is asked once more after the time that it named, within the deadline', async () => {
    const harness = createBed()
    harness.server = full
    const run = harness.run('server', { deadlineMs: 1_000 })
    await settle()
    expect(harness.asked.server).toBe(1)
    harness.server = atOnce
    harness.clock.advance(399)
    await settle()
    expect(harness.asked.server).toBe(1)
    harness.clock.advance(100)
    expect((await run).placement.tier).toBe('server')
    expect(harness.asked.server).toBe(2)
  })

  test('is not asked again past the deadline, nor a third time', async () => {
    const harness = createBed()
    harness.server = full
    await expect(harness.run('server', { deadlineMs: 300 })).rejects.toMatchObject({ code: 'overloaded' })
    expect(harness.asked.server).toBe(1)
    const run = harness.run('server')
    await settle()
    harness.clock.advance(500)
    await expect(run).rejects.toMatchObject({ code: 'overloaded', detail: { retryAfterMs: 400 } })
    expect(harness.asked.server).toBe(3)
  })

  test('is asked no more than a tenth more often by all requests together', async () => {
    const harness = createBed()
    harness.server = fail('server_unreachable', 'cut')
    const runs = Array.from({ length: 100 }, () => harness.run('server'))
    const settled = Promise.allSettled(runs)
    await settle()
    harness.clock.advance(1_000)
    await settled
    expect(harness.asked.server).toBeGreaterThan(100)
    expect(harness.asked.server).toBeLessThanOrEqual(111)
  })

  test('lets a caller go who leaves while it waits', async () => {
    const harness = createBed()
    harness.server = full
    const controller = new AbortController()
    const run = harness.run('server', { signal: controller.signal })
    await settle()
    controller.abort()
    await expect(run).rejects.toMatchObject({ code: 'aborted' })
  })
})

describe('a device with too little memory', () => {
  test('falls to a smaller variant, then to the server', async () => {
    const [only] = digitsManifest.variants
    if (!only) return expect.fail('digits has no variant')
    const variant = (id: string, memory: number): Variant => ({
      id,
      precision: 'fp32',
      files: only.files,
      memory,
    })
    const manifest = {
      ...digitsManifest,
      variants: [variant('fp32', 900), variant('fp16', 950), variant('q8', 300)],
    }
    const harness = createBed(manifest)
    const loads: string[] = []
    const memory = { least: 900 }
    harness.prepare = async ({ files }) => {
      loads.push(files.id)
      if (files.memory >= memory.least) throw new SpillwayError('capacity_insufficient', 'out of memory')
    }
    expect((await harness.run('prefer-device')).placement.explanation).toContain(
      '"fp32" failed there (out of memory), so "q8"',
    )
    expect(loads).toEqual(['fp32', 'q8'])
    expect(harness.asked.device).toEqual(['q8'])

    const poor = createBed(manifest)
    poor.prepare = () => fail('capacity_insufficient', 'out of memory')({})
    expect((await poor.run('prefer-device')).placement).toMatchObject({
      tier: 'server',
      reason: 'device-failed',
    })
  })
})

describe('hedging', () => {
  const never: Behaviour = ({ signal }) =>
    new Promise((_resolve, reject) => signal?.addEventListener('abort', () => reject(signal.reason)))

  async function hedgedBed() {
    const harness = await loadedBed(digitsManifest, true)
    for (let count = 0; count < 40; count++) await harness.run()
    harness.asked.device.length = 0
    harness.device = never
    return harness
  }

  test('asks the server when the device is slower than it nearly always is', async () => {
    const harness = await hedgedBed()
    const run = harness.run()
    await settle()
    harness.clock.advance(5)
    expect((await run).placement).toMatchObject({ tier: 'server', reason: 'hedge' })
    expect(harness.asked).toEqual({ device: ['q8'], server: 1 })
  })

  test('keeps to the retry budget, and to a policy that names a tier', async () => {
    const harness = await hedgedBed()
    const runs = Array.from({ length: 20 }, () => harness.run())
    await settle()
    harness.clock.advance(5)
    await Promise.any(runs)
    expect(harness.asked.server).toBe(1)
    const kept = harness.run('device')
    await settle()
    harness.clock.advance(5)
    await settle()
    expect(harness.asked.server).toBe(1)
    void kept
  })
})

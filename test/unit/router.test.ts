import { describe, expect, test } from 'vitest'
import { checkInputs, type Manifest, type Policy, SpillwayError, type Variant } from '../../models/index.ts'
import type { Capacity } from '../../web/capacity/capacity.ts'
import { DeviceSession } from '../../web/device/session.ts'
import { Breaker } from '../../web/remote/breaker.ts'
import { Router } from '../../web/router/router.ts'
import type { TiersOptions } from '../../web/router/tiers.ts'
import type { Answer, WaitOptions } from '../../workers/scheduler/work.ts'
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
  const answer = (backend: 'wasm' | 'cpu'): Answer => ({
    outputs: {},
    ranOn: { backend, variant: 'fp32' },
    queueMs: 0,
    computeMs: 0,
    answeredAt: clock.now(),
    batchRows: 1,
  })
  const device: TiersOptions['device'] = {
    session: (manifest, variant, backend) => {
      const key = `${backend}/${variant.id}`
      const session = sessions.get(key) ?? new DeviceSession(manifest, variant, backend, async () => [])
      sessions.set(key, session)
      return session
    },
    isReady: (session) => ready.has(session),
    prepare: async (session) => {
      await bed.prepare(session)
      ready.add(session)
    },
    submit: async (work, wait, reader) => {
      bed.asked.device.push(work.source.variant)
      try {
        await bed.device(wait)
      } catch (cause) {
        return reader.recover(SpillwayError.from(cause, 'internal', 'failed'), work, wait)
      }
      return reader.read(answer('wasm'), work)
    },
    estimate: () => ({ queueMs: 0, runMs: bed.estimates.device }),
    isSaturated: false,
  }
  const remote: TiersOptions['remote'] = {
    breaker: new Breaker(),
    submit: async (_manifest, _work, wait) => {
      bed.asked.server++
      await bed.server(wait)
      return answer('cpu')
    },
    estimate: () => ({ queueMs: 0, runMs: bed.estimates.server }),
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
  const bed: Bed = {
    clock,
    asked: { device: [], server: 0 },
    device: atOnce,
    server: atOnce,
    prepare: atOnce,
    estimates: { device: 1, server: 10 },
    run: (policy = 'auto', wait = {}) => router.run(manifest, inputs, { ...wait, policy }),
  }
  return bed
}

const fail =
  (...[code, message, detail]: ConstructorParameters<typeof SpillwayError>): Behaviour =>
  () =>
    Promise.reject(new SpillwayError(code, message, detail))

const full = fail('overloaded', 'full', { retryAfterMs: 400 })

/** Lets what was started get as far as it can without time: all promises have their turn before this. */
const settle = () => new Promise(setImmediate)

/** A bed whose device has the model loaded. */
async function loadedBed(...options: Parameters<typeof createBed>) {
  const bed = createBed(...options)
  await bed.run('device')
  bed.asked.device.length = 0
  return bed
}

describe('a full device', () => {
  test('sends the request to the server, and gets the next one again', async () => {
    const bed = await loadedBed()
    bed.device = full
    expect((await bed.run()).placement).toMatchObject({ tier: 'server', reason: 'spill' })
    bed.device = atOnce
    expect((await bed.run()).placement).toMatchObject({ tier: 'device', reason: 'device-capable' })
  })

  test('is told at once where the policy or the server leaves nothing else', async () => {
    const bed = await loadedBed()
    bed.device = full
    const told = { code: 'overloaded', detail: { retryAfterMs: 400 } }
    await expect(bed.run('device')).rejects.toMatchObject(told)
    bed.server = fail('server_unreachable', 'down')
    const run = bed.run()
    await settle()
    bed.clock.advance(200)
    await expect(run).rejects.toMatchObject({ code: 'server_unreachable' })
  })
})

describe('a full server', () => {
  test('leaves the request to the device that has the model, and is left alone for as long as it said', async () => {
    const bed = await loadedBed()
    bed.estimates = { device: 200, server: 10 }
    bed.server = full
    expect((await bed.run()).placement.tier).toBe('device')
    bed.server = atOnce
    bed.clock.advance(399)
    expect((await bed.run()).placement.tier).toBe('device')
    bed.clock.advance(1)
    expect((await bed.run()).placement).toMatchObject({ tier: 'server', reason: 'spill' })
  })

  test('is asked once more after the time that it named, within the deadline', async () => {
    const bed = createBed()
    bed.server = full
    const run = bed.run('server', { deadlineMs: 1_000 })
    await settle()
    expect(bed.asked.server).toBe(1)
    bed.server = atOnce
    bed.clock.advance(399)
    await settle()
    expect(bed.asked.server).toBe(1)
    bed.clock.advance(100)
    expect((await run).placement.tier).toBe('server')
    expect(bed.asked.server).toBe(2)
  })

  test('is not asked again past the deadline, nor a third time', async () => {
    const bed = createBed()
    bed.server = full
    await expect(bed.run('server', { deadlineMs: 300 })).rejects.toMatchObject({ code: 'overloaded' })
    expect(bed.asked.server).toBe(1)
    const run = bed.run('server')
    await settle()
    bed.clock.advance(500)
    await expect(run).rejects.toMatchObject({ code: 'overloaded', detail: { retryAfterMs: 400 } })
    expect(bed.asked.server).toBe(3)
  })

  test('is asked no more than a tenth more often by all requests together', async () => {
    const bed = createBed()
    bed.server = fail('server_unreachable', 'cut')
    const runs = Array.from({ length: 100 }, () => bed.run('server'))
    const settled = Promise.allSettled(runs)
    await settle()
    bed.clock.advance(1_000)
    await settled
    expect(bed.asked.server).toBeGreaterThan(100)
    expect(bed.asked.server).toBeLessThanOrEqual(111)
  })

  test('lets a caller go who leaves while it waits', async () => {
    const bed = createBed()
    bed.server = full
    const controller = new AbortController()
    const run = bed.run('server', { signal: controller.signal })
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
    const bed = createBed(manifest)
    const loads: string[] = []
    const memory = { least: 900 }
    bed.prepare = async ({ files }) => {
      loads.push(files.id)
      if (files.memory >= memory.least) throw new SpillwayError('capacity_insufficient', 'out of memory')
    }
    expect((await bed.run('prefer-device')).placement.because).toContain(
      '"fp32" failed there (out of memory), so "q8"',
    )
    expect(loads).toEqual(['fp32', 'q8'])
    expect(bed.asked.device).toEqual(['q8'])

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
    const bed = await loadedBed(digitsManifest, true)
    for (let count = 0; count < 40; count++) await bed.run()
    bed.asked.device.length = 0
    bed.device = never
    return bed
  }

  test('asks the server when the device is slower than it nearly always is', async () => {
    const bed = await hedgedBed()
    const run = bed.run()
    await settle()
    bed.clock.advance(5)
    expect((await run).placement).toMatchObject({ tier: 'server', reason: 'hedge' })
    expect(bed.asked).toEqual({ device: ['q8'], server: 1 })
  })

  test('keeps to the retry budget, and to a policy that names a tier', async () => {
    const bed = await hedgedBed()
    const runs = Array.from({ length: 20 }, () => bed.run())
    await settle()
    bed.clock.advance(5)
    await Promise.any(runs)
    expect(bed.asked.server).toBe(1)
    const kept = bed.run('device')
    await settle()
    bed.clock.advance(5)
    await settle()
    expect(bed.asked.server).toBe(1)
    void kept
  })
})

import { describe, expect, test } from 'vitest'
import { SpillwayError, type Variant } from '../../models/core/index.ts'
import { deferred } from '../support/deferred.ts'
import { answerAtOnce, createHarness, createLoadedHarness, fail, settle } from '../support/router-harness.ts'
import { digitsManifest } from '../support/test-models.ts'

const full = fail('overloaded', 'full', { retryAfterMs: 400 })

/** A full server, and a device that loads the model until `finishLoading` is called. */
function createLoadingHarness() {
  const harness = createHarness()
  const loading = deferred<void>()
  harness.prepare = () => loading.promise
  harness.server = full
  return { harness, finishLoading: () => loading.resolve() }
}

describe('a full device', () => {
  test('spills the request to the server, and receives the next one', async () => {
    const harness = await createLoadedHarness()
    harness.device = full
    expect((await harness.run()).placement).toMatchObject({ tier: 'server', reason: 'spill' })
    harness.device = answerAtOnce
    expect((await harness.run()).placement).toMatchObject({ tier: 'device', reason: 'device-capable' })
  })

  test('refuses at once where the policy or the server leaves no other tier', async () => {
    const harness = await createLoadedHarness()
    harness.device = full
    const refusal = { code: 'overloaded', detail: { retryAfterMs: 400 } }
    await expect(harness.run('device')).rejects.toMatchObject(refusal)
    harness.server = fail('server_unreachable', 'down')
    const run = harness.run()
    await settle()
    harness.clock.advance(200)
    await expect(run).rejects.toMatchObject({ code: 'server_unreachable' })
  })
})

describe('a device that failed', () => {
  test('is avoided until a request has succeeded there', async () => {
    const harness = await createLoadedHarness()
    harness.device = fail('lane_lost', 'crashed')
    expect((await harness.run()).placement).toMatchObject({ tier: 'server', reason: 'device-failed' })
    harness.device = answerAtOnce
    expect((await harness.run()).placement).toMatchObject({ tier: 'server', reason: 'device-failed' })
    expect((await harness.run('device')).placement).toMatchObject({ tier: 'device', reason: 'policy' })
    expect((await harness.run()).placement).toMatchObject({ tier: 'device', reason: 'device-capable' })
  })
})

describe('a full server', () => {
  test('leaves the request to the loaded device, and is avoided for the time that it named', async () => {
    const harness = await createLoadedHarness()
    harness.estimates = { device: 200, server: 10 }
    harness.server = full
    expect((await harness.run()).placement.tier).toBe('device')
    harness.server = answerAtOnce
    harness.clock.advance(399)
    expect((await harness.run()).placement.tier).toBe('device')
    harness.clock.advance(1)
    expect((await harness.run()).placement).toMatchObject({ tier: 'server', reason: 'spill' })
  })

  test('is asked once more after the time that it named, within the deadline', async () => {
    const harness = createHarness()
    harness.server = full
    const run = harness.run('server', { deadlineMs: 1_000 })
    await settle()
    expect(harness.requests.server).toBe(1)
    harness.server = answerAtOnce
    harness.clock.advance(399)
    await settle()
    expect(harness.requests.server).toBe(1)
    harness.clock.advance(100)
    expect((await run).placement.tier).toBe('server')
    expect(harness.requests.server).toBe(2)
  })

  test('is not asked again past the deadline, nor a third time', async () => {
    const harness = createHarness()
    harness.server = full
    await expect(harness.run('server', { deadlineMs: 300 })).rejects.toMatchObject({ code: 'overloaded' })
    expect(harness.requests.server).toBe(1)
    const run = harness.run('server')
    await settle()
    harness.clock.advance(500)
    await expect(run).rejects.toMatchObject({ code: 'overloaded', detail: { retryAfterMs: 400 } })
    expect(harness.requests.server).toBe(3)
  })

  test('receives at most a tenth more requests through retries', async () => {
    const harness = createHarness()
    harness.server = fail('server_unreachable', 'cut')
    const runs = Array.from({ length: 100 }, () => harness.run('server'))
    const settled = Promise.allSettled(runs)
    await settle()
    harness.clock.advance(1_000)
    await settled
    expect(harness.requests.server).toBeGreaterThan(100)
    expect(harness.requests.server).toBeLessThanOrEqual(111)
  })

  test('leaves the requests of a loading device to that device, and is asked twice at most', async () => {
    const { harness, finishLoading } = createLoadingHarness()
    const run = harness.run()
    await settle()
    harness.clock.advance(500)
    await settle()
    expect(harness.requests).toEqual({ device: [], server: 2 })
    finishLoading()
    expect((await run).placement).toMatchObject({ tier: 'device', reason: 'device-capable' })
    expect(harness.requests.server).toBe(2)
  })

  test('is not waited for where the device is ready before the time that it named', async () => {
    const { harness, finishLoading } = createLoadingHarness()
    const run = harness.run()
    await settle()
    harness.clock.advance(10)
    await settle()
    finishLoading()
    await settle()
    expect(harness.requests).toMatchObject({ device: [expect.any(String)], server: 1 })
    expect((await run).placement.tier).toBe('device')
    expect(harness.clock.waiting).toBe(0)
  })

  test('is waited for under policy "server" where the device is ready', async () => {
    const { harness, finishLoading } = createLoadingHarness()
    harness.run().catch(() => undefined)
    const run = harness.run('server')
    await settle()
    harness.clock.advance(10)
    finishLoading()
    await settle()
    harness.server = answerAtOnce
    harness.clock.advance(500)
    expect((await run).placement.tier).toBe('server')
  })

  test('rejects a request that is aborted while it waits for its retry', async () => {
    const harness = createHarness()
    harness.server = full
    const controller = new AbortController()
    const run = harness.run('server', { signal: controller.signal })
    await settle()
    controller.abort()
    await expect(run).rejects.toMatchObject({ code: 'aborted' })
  })
})

describe('a server that shuts down', () => {
  test('hands all of its requests to its replicas, and is asked by the next ones', async () => {
    const harness = createHarness()
    harness.server = fail('server_draining', 'The server is shutting down', { retryAfterMs: 1_000 })
    const runs = Array.from({ length: 20 }, () => harness.run('server'))
    await settle()
    harness.server = answerAtOnce
    harness.clock.advance(200)
    for (const run of runs) expect((await run).placement.tier).toBe('server')
    expect(harness.requests.server).toBe(40)
    expect((await harness.run()).placement.tier).toBe('server')
  })

  test('is not asked a third time where it has no replicas', async () => {
    const harness = createHarness()
    harness.server = fail('server_draining', 'The server is shutting down')
    const run = harness.run('server')
    await settle()
    harness.clock.advance(200)
    await expect(run).rejects.toMatchObject({ code: 'server_draining' })
    expect(harness.requests.server).toBe(2)
  })
})

describe('a device with too little memory', () => {
  test('takes a smaller variant, then the server', async () => {
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
    const harness = createHarness(manifest)
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
    expect(harness.requests.device).toEqual(['q8'])

    const poor = createHarness(manifest)
    poor.prepare = () => fail('capacity_insufficient', 'out of memory')({})
    expect((await poor.run('prefer-device')).placement).toMatchObject({
      tier: 'server',
      reason: 'device-failed',
    })
  })
})

describe('a model that the device can load in no variant', () => {
  test('is tried there once, while the server answers; then the server says why', async () => {
    const harness = createHarness()
    const loads: string[] = []
    harness.prepare = async ({ variant }) => {
      loads.push(variant)
      throw new SpillwayError('model_invalid', 'no kernel for TreeEnsembleClassifier')
    }
    expect((await harness.run()).placement).toMatchObject({ tier: 'server', reason: 'bridge' })
    for (let minute = 0; minute < 60; minute++) {
      harness.clock.advance(60_000)
      await settle()
      const { placement } = await harness.run()
      if (minute === 0) continue
      expect(placement).toMatchObject({
        tier: 'server',
        reason: 'device-failed',
        explanation: 'The device failed: no kernel for TreeEnsembleClassifier',
      })
    }
    expect(loads).toEqual(['q8', 'fp16', 'fp32'])
  })
})

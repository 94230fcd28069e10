import { describe, expect, test } from 'vitest'
import { checkInputs, type Manifest, type RunResult, SpillwayError } from '../../models/core/index.ts'
import type { Calibration } from '../../web/device/calibration/calibration-store.ts'
import { Calibrations } from '../../web/device/calibration/calibrations.ts'
import type { Capacity } from '../../web/device/capacity.ts'
import { DeviceTier } from '../../web/device/device-tier.ts'
import { Router } from '../../web/placement/router.ts'
import { createManualClock } from '../support/manual-clock.ts'
import { createManualLanes, type Machine } from '../support/manual-lanes.ts'
import { digitsManifest } from '../support/test-models.ts'

const pc: Capacity = {
  gpu: {
    vendor: 'acme',
    architecture: 'anvil',
    software: false,
    features: [],
    maxBufferSize: 2 ** 30,
    maxStorageBufferBindingSize: 2 ** 30,
  },
  wasm: { simd: true, jspi: true, threads: 1 },
  memoryBudget: 2 ** 30,
  storage: null,
}

const only = digitsManifest.variants.slice(-1)
const model: Manifest = { ...digitsManifest, variants: only }
const backendOf = (session: string) => (session.endsWith('/webgpu') ? 'webgpu' : 'wasm')

interface Costs {
  /** Milliseconds of a run, and of each of its rows. */
  readonly wasm: readonly [number, number]
  readonly webgpu: readonly [number, number]
}

/** A runtime's device and router on a machine with a GPU, with lanes on a clock. */
function openPage(
  costs: Costs,
  kept: Map<string, Calibration> = new Map(),
  faults: Pick<Machine, 'faultOfLoad' | 'faultOfRun'> = {},
) {
  const clock = createManualClock()
  const { startLane, lanes } = createManualLanes(clock, {
    cores: 4,
    msPerRow: 0,
    msOfRun: (session, rows) => {
      const [each, perRow] = costs[backendOf(session)]
      return each + perRow * rows
    },
    startMs: 10,
    loadMs: 10,
    ...faults,
  })
  const store = {
    read: async (model: string) => kept.get(model),
    write: async (model: string, calibration: Calibration) => void kept.set(model, calibration),
  }
  const calibrations = new Calibrations(store, () => Promise.resolve('here'))
  const device = new DeviceTier({
    store: { loadFiles: async () => [new ArrayBuffer(8)] },
    catalogue: {
      fileOf: (_manifest, file) => ({ ...file, key: { sha256: file.sha256 }, request: () => expect.fail() }),
    },
    calibrations,
    layouts: () => [{ lanes: 1, threads: 1 }],
    memoryBudget: 2 ** 30,
    startLane,
    clock,
  })
  const router = new Router({ capacity: async () => pc, device, remote: null, calibrations, clock })
  const settle = async () => {
    for (let index = 0; index < 20; index++) await new Promise(setImmediate)
  }
  const pass = async (ms: number, stepMs = 0.1) => {
    for (const until = clock.now() + ms; clock.now() < until; ) {
      await settle()
      clock.advance(stepMs)
    }
    await settle()
  }
  const run = (rows = 1) => {
    const image = { type: 'float32', data: new Float32Array(784 * rows), shape: [rows, 1, 28, 28] } as const
    return router.run(model, checkInputs(model, { image }), { policy: 'auto' })
  }
  const runs = () =>
    device.stats().models.map(({ session, requests }) => [session.split('/').at(-1), requests])
  const loaded = () =>
    lanes
      .filter(({ isAlive }) => isAlive)
      .flatMap(({ sessions }) => [...sessions].map(backendOf))
      .sort()
  const load = async () => {
    const loading = router.load(model)
    await pass(60, 5)
    await loading
  }
  return { clock, device, router, pass, run, runs, loaded, load, kept }
}

/** The answers of requests that came in one turn, once time has passed. */
async function answersOf(
  { pass, run }: Pick<ReturnType<typeof openPage>, 'pass' | 'run'>,
  count: number,
): Promise<RunResult[]> {
  const runs = Array.from({ length: count }, () => run())
  await pass(100, 0.2)
  return Promise.all(runs)
}

const backends = (answers: readonly RunResult[]) => [
  ...new Set(answers.map(({ placement: { backend } }) => backend)),
]

describe('a small model on a device with a GPU', () => {
  test('is loaded in WebAssembly, and on the GPU when the page is quiet', async () => {
    const page = openPage({ wasm: [0.2, 0.8], webgpu: [4.6, 0.02] })
    await page.load()
    expect(page.loaded()).toEqual(['wasm'])
    const [early] = await answersOf(page, 1)
    expect(early?.placement).toMatchObject({
      backend: 'wasm',
      explanation: 'The model is small, so WebAssembly on one thread before the GPU (acme)',
    })
    await page.pass(3_000, 5)
    expect(page.loaded()).toEqual(['wasm', 'webgpu'])
  })

  test('answers a lone call in WebAssembly, and what would wait there on the GPU', async () => {
    const page = openPage({ wasm: [0.2, 0.8], webgpu: [4.6, 0.02] })
    await page.load()
    await page.pass(3_000, 1)
    const [lone] = await answersOf(page, 1)
    expect(lone?.placement).toMatchObject({
      backend: 'wasm',
      reason: 'device-capable',
      explanation: 'WebAssembly answers 1 row in 1.0 ms here, WebGPU in 4.6 ms',
    })
    const many = await answersOf(page, 64)
    expect(backends(many)).toEqual(['wasm', 'webgpu'])
    const onGpu = many.filter(({ placement }) => placement.backend === 'webgpu')
    expect(onGpu.length).toBeGreaterThan(50)
    expect(onGpu[0]?.placement.explanation).toBe(
      'WebGPU answers 1 row in 4.6 ms here, WebAssembly in 1.0 ms after those that wait for it',
    )
    expect(Math.max(...many.map(({ timings }) => timings.totalMs))).toBeLessThan(8)
    const wide = page.run(64)
    await page.pass(100, 0.2)
    expect((await wide).placement.explanation).toBe(
      'WebGPU answers 64 rows in 5.9 ms here, WebAssembly in 51 ms',
    )
    expect(backends(await answersOf(page, 1))).toEqual(['wasm'])
  })

  test('leaves the GPU where that is never faster, and keeps the figures for the next visit', async () => {
    const costs = { wasm: [0.2, 0.08], webgpu: [6, 0.02] } as const
    const page = openPage(costs)
    await page.load()
    await page.pass(3_000, 1)
    expect(page.loaded()).toEqual(['wasm'])
    const [answer] = await answersOf(page, 1)
    expect(answer?.placement.explanation).toBe('WebAssembly answers 1 row in 0.3 ms here, WebGPU in 6.0 ms')

    const again = openPage(costs, page.kept)
    await again.load()
    await again.pass(3_000, 5)
    expect(again.runs(), 'nothing is measured again').toEqual([['wasm', 0]])
    const [next] = await answersOf(again, 1)
    expect(next?.placement.explanation).toBe('WebAssembly answers 1 row in 0.3 ms here, WebGPU in 6.0 ms')
  })

  test('leaves WebAssembly where the GPU is faster for any rows, and starts there at the next visit', async () => {
    const costs = { wasm: [8, 8], webgpu: [9, 0.7] } as const
    const page = openPage(costs)
    await page.load()
    await page.pass(4_000, 1)
    expect(page.loaded()).toEqual(['webgpu'])
    const [answer] = await answersOf(page, 1)
    expect(answer?.placement).toMatchObject({
      backend: 'webgpu',
      explanation: 'WebGPU answers 1 row in 9.7 ms here, WebAssembly in 16 ms',
    })
    const again = openPage(costs, page.kept)
    await again.load()
    expect(again.loaded()).toEqual(['webgpu'])
  })

  test('never tries the GPU where WebAssembly answers before a result could be read back', async () => {
    const page = openPage({ wasm: [0.05, 0.01], webgpu: [4.6, 0.02] })
    await page.load()
    await page.pass(6_000, 5)
    expect(page.runs().map(([backend]) => backend)).toEqual(['wasm'])
  })

  test('reaches the GPU on a page that is never quiet', async () => {
    const page = openPage({ wasm: [2, 14], webgpu: [4.6, 0.02] })
    await page.load()
    const answers: RunResult[] = []
    for (let index = 0; index < 300; index++) {
      const run = page.run()
      await page.pass(30, 2)
      answers.push(await run)
    }
    expect(backends(answers.slice(0, 150))).toEqual(['wasm'])
    expect(backends(answers.slice(-50))).toEqual(['webgpu'])
  })
})

describe('a failure on one backend', () => {
  const costs = { wasm: [0.2, 0.8], webgpu: [4.6, 0.02] } as const
  test('while it is tried, leaves every request to the other one', async () => {
    const page = openPage(costs, undefined, {
      faultOfLoad: ({ backend }) =>
        backend === 'webgpu' ? new SpillwayError('model_invalid', 'no such kernel') : undefined,
    })
    await page.load()
    await page.pass(3_000, 5)
    expect(page.loaded()).toEqual(['wasm'])
    const many = await answersOf(page, 64)
    expect(backends(many)).toEqual(['wasm'])
    expect(many[0]?.placement.explanation).toBe(
      'WebGPU failed (no such kernel), so WebAssembly on one thread',
    )
  })

  test('at its first load, leads to the other one', async () => {
    const page = openPage(costs, undefined, {
      faultOfLoad: ({ backend }) =>
        backend === 'wasm' ? new SpillwayError('model_invalid', 'no such kernel') : undefined,
    })
    await page.load()
    expect(page.loaded()).toEqual(['webgpu'])
    expect(backends(await answersOf(page, 3))).toEqual(['webgpu'])
  })

  test('of a run moves that request to the other one', async () => {
    const failing = { now: '' }
    const page = openPage(costs, undefined, {
      faultOfRun: (session) =>
        backendOf(session) === failing.now ? new SpillwayError('run_failed', 'NaN') : undefined,
    })
    await page.load()
    await page.pass(3_000, 1)
    expect(page.loaded()).toEqual(['wasm', 'webgpu'])
    failing.now = 'wasm'
    expect(backends(await answersOf(page, 1))).toEqual(['webgpu'])
    failing.now = 'webgpu'
    const runs = Array.from({ length: 64 }, () => page.run())
    await page.pass(800, 1)
    expect(backends(await Promise.all(runs))).toEqual(['wasm'])
    failing.now = ''
    expect(backends(await answersOf(page, 64))).toEqual(['wasm', 'webgpu'])
  })
})

describe('a variant that cannot be loaded or run', () => {
  const variants = ['q4', 'fp32'].flatMap((id) =>
    only.map((variant) => ({ ...variant, id, memory: 2 ** 27 })),
  )
  const large = { ...model, variants }

  test('leads to the next one on the same backend, then to the next backend', async () => {
    const loads: string[] = []
    const page = openPage({ wasm: [1, 1], webgpu: [1, 1] }, undefined, {
      faultOfLoad: ({ session, backend }) => {
        loads.push(session.slice(session.indexOf('/') + 1))
        return backend === 'webgpu'
          ? new SpillwayError('model_invalid', `${session} cannot be run`)
          : undefined
      },
    })
    const loading = page.router.load(large)
    await page.pass(200, 5)
    await loading
    expect(loads).toEqual(['q4/webgpu', 'fp32/webgpu', 'q4/wasm'])
  })

  test('is not loaded again, and its error is the answer where nothing else is left', async () => {
    const loads: string[] = []
    const page = openPage({ wasm: [1, 1], webgpu: [1, 1] }, undefined, {
      faultOfLoad: ({ session }) => {
        loads.push(session)
        return new SpillwayError('model_invalid', 'There is no kernel for TreeEnsemble')
      },
    })
    for (let attempt = 0; attempt < 3; attempt++) {
      const loading = expect(page.router.load(large)).rejects.toMatchObject({
        code: 'model_invalid',
        message: expect.stringContaining('no kernel for TreeEnsemble'),
      })
      await page.pass(200, 5)
      await loading
      await page.pass(3_600_000, 600_000)
    }
    expect(loads).toHaveLength(4)
  })
})

import { expect } from 'vitest'
import { checkInputs, type Manifest, type RunResult } from '../../models/core/index.ts'
import type { Calibration } from '../../web/device/calibration/calibration-store.ts'
import { Calibrations } from '../../web/device/calibration/calibrations.ts'
import type { Capacity } from '../../web/device/capacity.ts'
import { DeviceTier } from '../../web/device/device-tier.ts'
import { Router } from '../../web/placement/router.ts'
import { SecondBackend } from '../../web/placement/second-backend.ts'
import { createManualClock } from './manual-clock.ts'
import { createManualLanes, type Machine } from './manual-lanes.ts'
import { digitsManifest } from './test-models.ts'

/** A machine with a GPU, and one thread for WebAssembly. */
export const pc: Capacity = {
  gpu: {
    vendor: 'acme',
    architecture: 'anvil',
    software: false,
    features: [],
    maxBufferSize: 2 ** 30,
    maxStorageBufferBindingSize: 2 ** 30,
  },
  wasm: { simd: true, jspi: true, threads: 1 },
  workers: true,
  memoryBudget: 2 ** 30,
  storage: null,
}

/** The fp32 variant of `digits`, for both backends. */
export const only = digitsManifest.variants.slice(-1)
export const model: Manifest = { ...digitsManifest, variants: only }
export const backendOf = (session: string) => (session.endsWith('/webgpu') ? 'webgpu' : 'wasm')

interface Costs {
  /** Milliseconds of a run, and of each of its rows. */
  readonly wasm: readonly [number, number]
  readonly webgpu: readonly [number, number]
}

/** A runtime's device and router on a machine with a GPU, with lanes on a clock. */
export function openPage(
  costs: Costs,
  kept: Map<string, Calibration> = new Map(),
  { maxQueued, ...faults }: Pick<Machine, 'faultOfLoad' | 'faultOfRun'> & { maxQueued?: number } = {},
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
      draftOf: async () => undefined,
    },
    calibrations,
    layouts: () => [{ lanes: 1, threads: 1 }],
    memoryBudget: 2 ** 30,
    canRun: async () => true,
    maxQueued,
    startLane,
    clock,
  })
  const router = new Router({
    capacity: async () => pc,
    device,
    remote: null,
    calibrations,
    clock,
    secondBackend: (parts) => new SecondBackend(parts),
  })
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
export async function answersOf(
  { pass, run }: Pick<ReturnType<typeof openPage>, 'pass' | 'run'>,
  count: number,
): Promise<RunResult[]> {
  const runs = Array.from({ length: count }, () => run())
  await pass(100, 0.2)
  return Promise.all(runs)
}

/** The backends of the answers, in order. */
export const backendsOf = (answers: readonly RunResult[]) => [
  ...new Set(answers.map(({ placement: { backend } }) => backend)),
]

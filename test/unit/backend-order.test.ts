import { describe, expect, test } from 'vitest'
import type { Manifest, Variant } from '../../models/core/index.ts'
import { BackendBalance } from '../../web/placement/backend-balance.ts'
import { selectDeviceTarget } from '../../web/placement/device-target.ts'
import { CostCurve } from '../../workers/host/scheduler/cost-curve.ts'
import { pc } from '../support/page-with-gpu.ts'
import { digitsManifest } from '../support/test-models.ts'

const mebibyte = 2 ** 20
/** One variant for both backends. */
function model(change: { memory?: number; size?: number } & Partial<Manifest> = {}): Manifest {
  const { memory = 4 * mebibyte, size = 100_000, ...rest } = change
  const variant: Variant = {
    id: 'fp32',
    precision: 'fp32',
    files: [{ path: 'model.onnx', size, sha256: '0'.repeat(64) }],
    memory,
  }
  return { ...digitsManifest, variants: [variant], ...rest }
}

type Points = [one: number, many: number]
const curve = ([one, many]: Points) =>
  CostCurve.from([
    { rows: 1, ms: one },
    { rows: 64, ms: many },
  ])

/** The backends in order, with the explanation of the first. */
function orderOf(manifest: Manifest, measured: { wasm?: Points; webgpu?: Points } = {}, capacity = pc) {
  const costs = Object.fromEntries(
    Object.entries(measured).map(([backend, points]) => [`${backend}/fp32`, curve(points)]),
  )
  const plan = selectDeviceTarget(capacity, manifest, { failures: [], costs })
  if ('error' in plan) return expect.fail(plan.explanation)
  const backends = [plan.backend, ...(plan.second ? [plan.second.backend] : [])].join(', ')
  return { backends, explanation: plan.explanation, second: plan.second?.explanation }
}

describe('the order of backends that were measured', () => {
  test('is WebAssembly alone for a model that no GPU answers sooner', () => {
    const { backends, explanation } = orderOf(model(), { wasm: [0.4, 4.8], webgpu: [4.6, 5] })
    expect(backends).toBe('wasm')
    expect(explanation).toBe('WebAssembly answers 1 row in 0.4 ms here, WebGPU in 4.6 ms')
  })

  test('is WebAssembly, then the GPU, where the GPU is faster for many rows only', () => {
    const { backends, explanation, second } = orderOf(model(), { wasm: [2, 128], webgpu: [5, 8] })
    expect(backends).toBe('wasm, webgpu')
    expect(explanation).toBe('WebAssembly answers 1 row in 2.0 ms here, WebGPU in 5.0 ms')
    expect(second).toBe('WebGPU answers 64 rows in 8.0 ms here, WebAssembly in 128 ms')
  })

  test('is the GPU alone where it is faster for any rows', () => {
    const { backends, explanation } = orderOf(model(), { wasm: [16, 1_024], webgpu: [13, 47] })
    expect(backends).toBe('webgpu')
    expect(explanation).toBe('WebGPU answers 1 row in 13 ms here, WebAssembly in 16 ms')
  })

  test('is the GPU alone where memory does not hold both', () => {
    const tight = { ...pc, memoryBudget: 6 * mebibyte }
    const { backends, explanation } = orderOf(model(), { wasm: [2, 128], webgpu: [5, 8] }, tight)
    expect(backends).toBe('webgpu')
    expect(explanation).toBe('WebGPU answers 64 rows in 8.0 ms here, WebAssembly in 128 ms')
  })
})

describe('the order of backends that were not measured', () => {
  test('is the cheapest first for a small model: WebAssembly', () => {
    const { backends, explanation } = orderOf(model())
    expect(backends).toBe('wasm, webgpu')
    expect(explanation).toBe('The model is small, so WebAssembly on one thread before the GPU (acme)')
    expect(orderOf(model(), { wasm: [0.4, 4.8] }).backends).toBe('wasm, webgpu')
  })

  test('leaves the GPU out where WebAssembly is faster than any result can be read back', () => {
    const { backends, explanation } = orderOf(model(), { wasm: [0.05, 0.9] })
    expect(backends).toBe('wasm')
    expect(explanation).toBe(
      "WebAssembly on one thread answers 64 rows in 0.9 ms here, before a GPU's answer could be read",
    )
    expect(orderOf(model({ batchAxis: null }), { wasm: [0.4, 4.8] }).backends).toBe('wasm')
  })

  test('is the GPU alone for a large model, a language model, and files that only the trial would need', () => {
    expect(orderOf(model({ memory: 65 * mebibyte })).backends).toBe('webgpu')
    const generation = { context: 8 } as NonNullable<Manifest['generation']>
    expect(orderOf(model({ generation })).backends).toBe('webgpu')
    const { variants } = model()
    const own = (backend: 'wasm' | 'webgpu', size: number): Variant[] =>
      variants.map((variant) => ({
        ...variant,
        id: `fp32-${backend}`,
        backends: [backend],
        files: [
          { path: `${backend}.onnx`, size, sha256: backend === 'wasm' ? '1'.repeat(64) : '2'.repeat(64) },
        ],
      }))
    const apart = (wasm: number, webgpu: number) =>
      orderOf(model({ variants: [...own('wasm', wasm), ...own('webgpu', webgpu)] })).backends
    expect(apart(8 * mebibyte, 8 * mebibyte)).toBe('wasm, webgpu')
    expect(apart(8 * mebibyte, 9 * mebibyte)).toBe('webgpu')
    expect(apart(9 * mebibyte, 8 * mebibyte)).toBe('webgpu')
  })
})

describe('the balance of two loaded backends', () => {
  const take = (balance: BackendBalance, times: number, first?: number, second?: number, deadline?: number) =>
    Array.from({ length: times }, () => balance.takesSecond(first, second, deadline)).filter(Boolean).length

  test('takes the one that answers sooner by a fifth, and keeps it until the other one is', () => {
    const balance = new BackendBalance()
    expect(balance.takesSecond(0.4, 4.6)).toBe(false)
    expect(balance.takesSecond(5, 4.6)).toBe(false)
    expect(balance.takesSecond(6, 4.6)).toBe(true)
    expect(balance.takesSecond(4.6, 5)).toBe(true)
    expect(balance.takesSecond(0.4, 4.6)).toBe(false)
  })

  test('asks one that is not known at the eighth request, then ever more rarely', () => {
    const balance = new BackendBalance()
    expect(take(balance, 7, 1)).toBe(0)
    expect(take(balance, 1, 1)).toBe(1)
    expect(take(balance, 15, 1)).toBe(0)
    expect(take(balance, 1, 1)).toBe(1)
    expect(take(balance, 500, 1, undefined, 99), 'not with so short a deadline').toBe(0)
  })

  test('asks a slower one again after hundreds of requests, unless it is very slow', () => {
    const balance = new BackendBalance()
    expect(take(balance, 511, 0.4, 4.6)).toBe(0)
    expect(take(balance, 1, 0.4, 4.6)).toBe(1)
    expect(take(balance, 1_023, 0.4, 4.6)).toBe(0)
    expect(take(balance, 1, 0.4, 4.6)).toBe(1)
    expect(take(new BackendBalance(), 1_000, 0.4, 101)).toBe(0)
    expect(take(new BackendBalance(), 1_000, 0.4, 60, 100)).toBe(0)
  })
})

import { describe, expect, test } from 'vitest'
import { type Manifest, type Policy, policies, SpillwayError, type Variant } from '../../models/core/index.ts'
import type { Capacity, GpuCapacity } from '../../web/device/capacity/capacity.ts'
import { type Conditions, decide } from '../../web/placement/decide.ts'
import { type DeviceTarget, type Failure, selectDeviceTarget } from '../../web/placement/device-target.ts'
import { digitsManifest } from '../support/test-models.ts'

const gpu: GpuCapacity = {
  vendor: 'acme',
  architecture: 'anvil',
  software: false,
  features: [],
  maxBufferSize: 2 ** 30,
  maxStorageBufferBindingSize: 2 ** 30,
}
const phone: Capacity = {
  gpu: null,
  wasm: { simd: true, jspi: false, threads: 1 },
  memoryBudget: 2 ** 30,
  storage: null,
}
const calm: Conditions = { server: 'available', failed: [], speeds: {}, loaded: true, late: undefined }
const only = digitsManifest.variants.at(-1) ?? expect.fail('digits has no variant')
const failure = (backend: Failure['backend'], why: string): Failure => ({
  backend,
  variant: only,
  reach: 'backend',
  why,
})

const capacities = {
  phone,
  'a gaming PC': { ...phone, gpu },
  'a software GPU': { ...phone, gpu: { ...gpu, software: true } },
  'no SIMD': { ...phone, wasm: { ...phone.wasm, simd: false } },
  'little memory': { ...phone, memoryBudget: 1 },
} satisfies Record<string, Capacity>

const lives = {
  calm,
  'server down': { ...calm, server: 'unavailable' },
  'no server': { ...calm, server: 'absent' },
  'webgpu failed': { ...calm, failed: [failure('webgpu', 'lost')] },
  'wasm failed': { ...calm, failed: [failure('wasm', 'no memory')] },
  loading: { ...calm, loaded: false },
  'loading, server down': { ...calm, loaded: false, server: 'unavailable' },
  late: { ...calm, late: { deviceMs: 430, serverMs: 35 } },
} satisfies Record<string, Conditions>

const where = (capacity: keyof typeof capacities, policy: Policy, live: keyof typeof lives = 'calm') => {
  try {
    const decision = decide(capacities[capacity], digitsManifest, policy, lives[live])
    const place = decision.tier === 'device' ? decision.target.backend : 'server'
    return `${place}: ${decision.reason}`
  } catch (error) {
    if (error instanceof SpillwayError) return error.code
    throw error
  }
}

describe('decide', () => {
  test.each<[keyof typeof capacities, Policy, keyof typeof lives, string]>([
    ['a gaming PC', 'auto', 'calm', 'webgpu: device-capable'],
    ['phone', 'auto', 'calm', 'wasm: device-capable'],
    ['a software GPU', 'auto', 'calm', 'wasm: device-capable'],
    ['a gaming PC', 'auto', 'webgpu failed', 'wasm: device-capable'],
    ['phone', 'auto', 'wasm failed', 'server: device-failed'],
    ['phone', 'auto', 'loading', 'server: bridge'],
    ['phone', 'auto', 'loading, server down', 'wasm: device-capable'],
    ['phone', 'auto', 'late', 'server: spill'],
    ['phone', 'device', 'loading', 'wasm: policy'],
    ['phone', 'device', 'late', 'wasm: policy'],
    ['phone', 'prefer-device', 'late', 'wasm: preferred'],
    ['no SIMD', 'auto', 'loading', 'server: device-without-simd'],
    ['no SIMD', 'auto', 'calm', 'server: device-without-simd'],
    ['little memory', 'auto', 'calm', 'server: model-too-large'],
    ['little memory', 'auto', 'server down', 'server: model-too-large'],
    ['little memory', 'auto', 'no server', 'capacity_insufficient'],
    ['phone', 'device', 'calm', 'wasm: policy'],
    ['phone', 'device', 'no server', 'wasm: policy'],
    ['no SIMD', 'device', 'calm', 'capacity_insufficient'],
    ['phone', 'device', 'wasm failed', 'wasm: policy'],
    ['a gaming PC', 'server', 'calm', 'server: policy'],
    ['phone', 'server', 'server down', 'server: policy'],
    ['phone', 'server', 'no server', 'server_absent'],
    ['phone', 'prefer-device', 'calm', 'wasm: preferred'],
    ['no SIMD', 'prefer-device', 'calm', 'server: device-without-simd'],
    ['phone', 'prefer-server', 'calm', 'server: preferred'],
    ['phone', 'prefer-server', 'server down', 'wasm: server-unavailable'],
    ['phone', 'prefer-server', 'no server', 'wasm: server-unavailable'],
    ['no SIMD', 'prefer-server', 'server down', 'server: device-without-simd'],
  ])('%s, policy %s, %s → %s', (capacity, policy, live, place) => {
    expect(where(capacity, policy, live)).toBe(place)
  })

  test('always gives the same answer, and never sends what the policy keeps', () => {
    for (const capacity of Object.keys(capacities) as (keyof typeof capacities)[]) {
      for (const live of Object.keys(lives) as (keyof typeof lives)[]) {
        for (const policy of policies)
          expect(where(capacity, policy, live)).toBe(where(capacity, policy, live))
        expect(where(capacity, 'device', live)).not.toContain('server')
        expect(where(capacity, 'server', live)).not.toMatch(/wasm|webgpu/)
      }
    }
  })

  test('says why, with the figures', () => {
    const decision = decide(capacities['little memory'], digitsManifest, 'auto', calm)
    expect(decision.explanation).toMatch(/needs \d+ MiB of memory.*the device has 1 MiB/)
    expect(decide(phone, digitsManifest, 'auto', lives.late).explanation).toBe(
      'The device would answer in 430 ms, the server in 35 ms',
    )
  })
})

describe('selectDeviceTarget, with variants for different backends', () => {
  const variant = (id: string, memory: number, change: Partial<Variant> = {}): Variant => ({
    id,
    precision: 'fp32',
    files: only.files,
    memory: memory * 2 ** 20,
    ...change,
  })
  const manifest: Manifest = {
    ...digitsManifest,
    variants: [
      variant('q4f16', 300, { backends: ['webgpu'] }),
      variant('fp32', 900),
      variant('q8', 400, { backends: ['wasm', 'cpu'] }),
      variant('q4', 200),
    ],
  }
  const pc = capacities['a gaming PC']
  const fits = (
    capacity: Capacity,
    failed: [place: string, reach: Failure['reach']][] = [],
    speeds: Conditions['speeds'] = {},
  ): string => {
    const failures = failed.map(([place, reach]): Failure => {
      const [backend, id] = place.split('/')
      const variant = manifest.variants.find((one) => one.id === id) ?? expect.fail(`no variant ${id}`)
      return { backend: backend === 'webgpu' ? 'webgpu' : 'wasm', variant, reach, why: 'out of memory' }
    })
    const target = selectDeviceTarget(capacity, manifest, { failed: failures, speeds })
    return 'error' in target ? target.reason : `${target.backend}/${target.variant.id}`
  }

  test('takes the first that was made for the best backend and fits the memory', () => {
    expect(fits(pc)).toBe('webgpu/q4f16')
    expect(fits(phone)).toBe('wasm/fp32')
    expect(fits({ ...phone, memoryBudget: 500 * 2 ** 20 })).toBe('wasm/q8')
    expect(fits({ ...pc, memoryBudget: 250 * 2 ** 20 })).toBe('webgpu/q4')
    expect(fits({ ...pc, memoryBudget: 100 * 2 ** 20 })).toBe('model-too-large')
  })

  test('falls to a smaller variant when memory ran out, then to WebAssembly, then to the server', () => {
    expect(fits(pc, [['webgpu/q4f16', 'memory']])).toBe('webgpu/q4')
    expect(fits(pc, [['webgpu/q4', 'memory']])).toBe('wasm/fp32')
    expect(
      fits(pc, [
        ['webgpu/q4', 'memory'],
        ['wasm/fp32', 'memory'],
      ]),
    ).toBe('wasm/q8')
    const all: [string, Failure['reach']][] = [
      ['webgpu/q4', 'memory'],
      ['wasm/q4', 'memory'],
    ]
    expect(fits(pc, all)).toBe('device-failed')
  })

  test('avoids only the variant whose files are bad, and all of a backend that is gone', () => {
    expect(fits(pc, [['webgpu/q4f16', 'variant']])).toBe('webgpu/fp32')
    expect(fits(pc, [['webgpu/q4f16', 'backend']])).toBe('wasm/fp32')
  })

  test('takes the faster of two that were measured, and keeps the manifest’s order where one was not', () => {
    expect(fits(phone, [], { 'wasm/fp32': 12, 'wasm/q4': 31 })).toBe('wasm/fp32')
    expect(fits(phone, [], { 'wasm/fp32': 31, 'wasm/q4': 12 })).toBe('wasm/q4')
    expect(fits(phone, [], { 'wasm/fp32': 31, 'wasm/q8': 14, 'wasm/q4': 12 })).toBe('wasm/q4')
    expect(fits(phone, [], { 'wasm/fp32': 12.5, 'wasm/q4': 12 })).toBe('wasm/fp32')
    expect(fits(phone, [], { 'wasm/q4': 12 })).toBe('wasm/fp32')
    // What another backend measured is no reason to leave the GPU.
    expect(fits(pc, [], { 'webgpu/q4f16': 31, 'wasm/fp32': 12 })).toBe('webgpu/q4f16')
  })

  test('says why', () => {
    const explanation = (failed: Failure[], speeds: Conditions['speeds'] = {}) =>
      (selectDeviceTarget(pc, manifest, { failed, speeds }) as DeviceTarget).explanation
    const [first] = manifest.variants
    if (!first) return expect.fail('no variant')
    expect(explanation([{ backend: 'webgpu', variant: first, reach: 'memory', why: 'out of memory' }])).toBe(
      'The device has a GPU (acme); "q4f16" failed there (out of memory), so "q4"',
    )
    expect(explanation([], { 'webgpu/q4f16': 31, 'webgpu/fp32': 12 })).toBe(
      'The device has a GPU (acme); "fp32" took 12.0 ms a row here, "q4f16" 31.0 ms',
    )
  })

  test('tells a device that no variant was made for', () => {
    const webgpuOnly = { ...manifest, variants: manifest.variants.slice(0, 1) }
    const target = selectDeviceTarget(phone, webgpuOnly, calm)
    expect(target).toMatchObject({
      reason: 'variant-missing',
      explanation: 'The model needs webgpu; the device has wasm',
      error: { code: 'capacity_insufficient' },
    })
  })
})

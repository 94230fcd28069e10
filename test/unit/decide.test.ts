import { describe, expect, test } from 'vitest'
import { type Policy, policies, SpillwayError } from '../../models/index.ts'
import type { Capacity, GpuCapacity } from '../../web/capacity/capacity.ts'
import { decide, type Live } from '../../web/router/decide.ts'
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
const calm: Live = { server: 'available', failed: {}, loaded: true, late: undefined }

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
  'webgpu failed': { ...calm, failed: { webgpu: 'lost' } },
  'wasm failed': { ...calm, failed: { wasm: 'no memory' } },
  loading: { ...calm, loaded: false },
  'loading, server down': { ...calm, loaded: false, server: 'unavailable' },
  late: { ...calm, late: { deviceMs: 430, serverMs: 35 } },
} satisfies Record<string, Live>

const where = (capacity: keyof typeof capacities, policy: Policy, live: keyof typeof lives = 'calm') => {
  try {
    const decision = decide(capacities[capacity], digitsManifest, policy, lives[live])
    const place = decision.tier === 'device' ? decision.fit.backend : 'server'
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
    expect(decision.because).toMatch(/needs \d+ MiB of memory.*the device has 1 MiB/)
    expect(decide(phone, digitsManifest, 'auto', lives.late).because).toBe(
      'The device would answer in 430 ms, the server in 35 ms',
    )
  })
})

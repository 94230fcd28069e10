import { describe, expect, test } from 'vitest'
import { type Manifest, type Policy, policies, SpillwayError, type Variant } from '../../models/core/index.ts'
import type { Capacity, GpuCapacity } from '../../web/device/capacity.ts'
import type { Costs, DeviceKnowledge, Failure } from '../../web/placement/candidate.ts'
import { type Conditions, decide } from '../../web/placement/decide-placement.ts'
import { type DeviceTarget, selectDeviceTarget } from '../../web/placement/device-target.ts'
import { CostCurve } from '../../workers/host/scheduler/cost-curve.ts'
import { digitsManifest } from '../support/test-models.ts'

const gpu: GpuCapacity = {
  vendor: 'acme',
  architecture: 'anvil',
  software: false,
  features: ['shader-f16'],
  maxBufferSize: 2 ** 30,
  maxStorageBufferBindingSize: 2 ** 30,
}
const phone: Capacity = {
  gpu: null,
  wasm: { simd: true, jspi: false, threads: 1 },
  workers: true,
  memoryBudget: 2 ** 30,
  storage: null,
}
const onlyVariant = digitsManifest.variants.at(-1) ?? expect.fail('digits has no variant')
const failureOf = (backend: Failure['backend'], message: string): Failure => ({
  backend,
  variant: onlyVariant,
  avoid: 'backend',
  message,
})

/** Milliseconds of one row, by backend and variant. */
type Speeds = Readonly<Record<string, number>>
const costsOf = (speeds: Speeds): Costs =>
  Object.fromEntries(Object.entries(speeds).map(([key, ms]) => [key, CostCurve.from([{ rows: 1, ms }])]))

const devices = {
  phone,
  'a gaming PC': { ...phone, gpu },
  'a software GPU': { ...phone, gpu: { ...gpu, software: true } },
  'no SIMD': { ...phone, wasm: { ...phone.wasm, simd: false } },
  'a service worker': { ...phone, workers: false },
  'a program with lanes': { ...phone, wasm: { ...phone.wasm, simd: false }, cpu: { threads: 2 } },
  'little memory': { ...phone, memoryBudget: 1 },
  unknown: undefined,
} satisfies Record<string, Capacity | undefined>

type Situation = Omit<Conditions, 'device'> & Pick<DeviceKnowledge, 'failures'>
const calm: Situation = { server: 'available', failures: [], isLoaded: true, spill: undefined }
const situations = {
  calm,
  'server down': { ...calm, server: 'unavailable' },
  'no server': { ...calm, server: 'absent' },
  'webgpu failed': { ...calm, failures: [failureOf('webgpu', 'lost')] },
  'wasm failed': { ...calm, failures: [failureOf('wasm', 'no memory')] },
  'wasm failed, no server': { ...calm, failures: [failureOf('wasm', 'no memory')], server: 'absent' },
  loading: { ...calm, isLoaded: false },
  'loading, server down': { ...calm, isLoaded: false, server: 'unavailable' },
  'a long queue': { ...calm, spill: { deviceMs: 430, serverMs: 35 } },
} satisfies Record<string, Situation>

const conditionsOf = (device: keyof typeof devices, situation: keyof typeof situations): Conditions => {
  const capacity = devices[device]
  const { failures, ...conditions } = situations[situation]
  const knowledge = { failures, costs: {} }
  return { ...conditions, device: capacity && selectDeviceTarget(capacity, digitsManifest, knowledge) }
}

const decisionOf = (
  device: keyof typeof devices,
  policy: Policy,
  situation: keyof typeof situations = 'calm',
) => {
  const decision = decide(policy, conditionsOf(device, situation))
  return decision === 'needs-capacity' ? expect.fail('the capacity is needed') : decision
}

const outcomeOf = (
  device: keyof typeof devices,
  policy: Policy,
  situation: keyof typeof situations,
): string => {
  try {
    const decision = decide(policy, conditionsOf(device, situation))
    if (decision === 'needs-capacity') return decision
    const place = decision.tier === 'device' ? decision.target.backend : 'server'
    return `${place}: ${decision.reason}`
  } catch (error) {
    if (error instanceof SpillwayError) return error.code
    throw error
  }
}

describe('decide', () => {
  test.each<[keyof typeof devices, Policy, keyof typeof situations, string]>([
    ['a gaming PC', 'auto', 'calm', 'wasm: device-capable'],
    ['phone', 'auto', 'calm', 'wasm: device-capable'],
    ['a software GPU', 'auto', 'calm', 'wasm: device-capable'],
    ['a gaming PC', 'auto', 'webgpu failed', 'wasm: device-capable'],
    ['phone', 'auto', 'wasm failed', 'server: device-failed'],
    ['phone', 'auto', 'wasm failed, no server', 'wasm: server-unavailable'],
    ['phone', 'auto', 'loading', 'server: bridge'],
    ['phone', 'auto', 'loading, server down', 'wasm: device-capable'],
    ['phone', 'auto', 'a long queue', 'server: spill'],
    ['phone', 'device', 'loading', 'wasm: policy'],
    ['phone', 'device', 'a long queue', 'wasm: policy'],
    ['phone', 'prefer-device', 'a long queue', 'wasm: preferred'],
    ['no SIMD', 'auto', 'loading', 'server: device-without-simd'],
    ['no SIMD', 'auto', 'calm', 'server: device-without-simd'],
    ['a service worker', 'auto', 'calm', 'server: device-without-workers'],
    ['a service worker', 'device', 'calm', 'capacity_insufficient'],
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
    ['unknown', 'auto', 'loading', 'server: bridge'],
    ['unknown', 'auto', 'loading, server down', 'needs-capacity'],
    ['a program with lanes', 'auto', 'calm', 'cpu: device-capable'],
    ['a program with lanes', 'auto', 'loading', 'server: bridge'],
    ['a program with lanes', 'device', 'no server', 'cpu: policy'],
    ['unknown', 'auto', 'no server', 'needs-capacity'],
    ['unknown', 'server', 'loading', 'server: policy'],
    ['unknown', 'server', 'no server', 'server_absent'],
    ['unknown', 'prefer-server', 'loading', 'server: preferred'],
    ['unknown', 'prefer-server', 'server down', 'needs-capacity'],
    ['unknown', 'prefer-device', 'loading', 'needs-capacity'],
    ['unknown', 'device', 'loading', 'needs-capacity'],
  ])('%s, policy %s, %s → %s', (device, policy, situation, outcome) => {
    expect(outcomeOf(device, policy, situation)).toBe(outcome)
  })

  test('is deterministic, and never leaves the tier that a policy names', () => {
    for (const device of Object.keys(devices) as (keyof typeof devices)[]) {
      for (const situation of Object.keys(situations) as (keyof typeof situations)[]) {
        for (const policy of policies)
          expect(outcomeOf(device, policy, situation)).toBe(outcomeOf(device, policy, situation))
        expect(outcomeOf(device, 'device', situation)).not.toContain('server')
        expect(outcomeOf(device, 'server', situation)).not.toMatch(/wasm|webgpu/)
      }
    }
  })

  test('explains the decision with its figures', () => {
    expect(decisionOf('little memory', 'auto').explanation).toMatch(
      /needs \d+ MiB of memory.*the device has 1 MiB/,
    )
    expect(decisionOf('phone', 'auto', 'a long queue').explanation).toBe(
      'The device would answer in 430 ms, the server in 35 ms',
    )
  })
})

describe('selectDeviceTarget, with variants for different backends', () => {
  const variant = (id: string, memory: number, change: Partial<Variant> = {}): Variant => ({
    id,
    precision: 'fp32',
    files: onlyVariant.files,
    memory: memory * 2 ** 20,
    ...change,
  })
  const manifest: Manifest = {
    ...digitsManifest,
    variants: [
      variant('q4f16', 300, { precision: 'q4f16', backends: ['webgpu'] }),
      variant('fp32', 900),
      variant('q8', 400, { backends: ['wasm', 'cpu'] }),
      variant('q4', 200),
    ],
  }
  const pc = devices['a gaming PC']
  const targetOf = (
    capacity: Capacity,
    failed: [candidate: string, avoid: Failure['avoid']][] = [],
    speeds: Speeds = {},
  ): string => {
    const failures = failed.map(([candidate, avoid]): Failure => {
      const [backend, id] = candidate.split('/')
      const variant = manifest.variants.find((one) => one.id === id) ?? expect.fail(`no variant ${id}`)
      return { backend: backend === 'webgpu' ? 'webgpu' : 'wasm', variant, avoid, message: 'out of memory' }
    })
    const target = selectDeviceTarget(capacity, manifest, { failures, costs: costsOf(speeds) })
    return 'error' in target ? target.reason : `${target.backend}/${target.variant.id}`
  }

  test('takes the first variant for the best backend that fits into memory', () => {
    expect(targetOf(pc)).toBe('webgpu/q4f16')
    expect(targetOf(phone)).toBe('wasm/fp32')
    expect(targetOf({ ...phone, memoryBudget: 500 * 2 ** 20 })).toBe('wasm/q8')
    expect(targetOf({ ...pc, memoryBudget: 250 * 2 ** 20 })).toBe('webgpu/q4')
    expect(targetOf({ ...pc, memoryBudget: 100 * 2 ** 20 })).toBe('model-too-large')
  })

  test('takes a smaller variant after running out of memory, then WebAssembly, then none', () => {
    expect(targetOf(pc, [['webgpu/q4f16', 'memory']])).toBe('webgpu/q4')
    expect(targetOf(pc, [['webgpu/q4', 'memory']])).toBe('wasm/fp32')
    expect(
      targetOf(pc, [
        ['webgpu/q4', 'memory'],
        ['wasm/fp32', 'memory'],
      ]),
    ).toBe('wasm/q8')
    const all: [string, Failure['avoid']][] = [
      ['webgpu/q4', 'memory'],
      ['wasm/q4', 'memory'],
    ]
    expect(targetOf(pc, all)).toBe('device-failed')
  })

  test('takes no variant of half floats on a GPU without shader-f16, and says so', () => {
    const plain = { ...pc, gpu: { ...gpu, features: ['subgroups'] } }
    expect(targetOf(plain)).toBe('webgpu/fp32')
    expect(targetOf(plain, [['webgpu/fp32', 'variant']])).toBe('webgpu/q4')
    expect(
      targetOf(plain, [
        ['webgpu/fp32', 'variant'],
        ['webgpu/q4', 'variant'],
      ]),
    ).toBe('wasm/fp32')
    const explanation = (manifest: Manifest) => {
      const target = selectDeviceTarget(plain, manifest, { failures: [], costs: {} })
      return target.explanation
    }
    expect(explanation(manifest)).toBe(
      'The device has a GPU (acme); the GPU has no shader-f16, which "q4f16" would need',
    )
    const halves = variant('fp16', 100, { precision: 'fp16', backends: ['webgpu'] })
    const bytes = variant('q8', 100, { precision: 'q8', backends: ['wasm'] })
    expect(explanation({ ...manifest, variants: [halves, bytes] })).toBe(
      'No variant fits the GPU, so WebAssembly on one thread; the GPU has no shader-f16, which "fp16" would need',
    )
    const cached = variant('q8', 100, { precision: 'q8', kvType: 'float16', backends: ['webgpu'] })
    for (const variants of [[halves], [cached]])
      expect(explanation({ ...manifest, variants })).toBe(
        'The model needs a GPU with shader-f16; the device has a GPU without shader-f16',
      )
    // WebAssembly computes in half floats without the GPU's feature.
    const anywhere = { ...manifest, variants: [variant('fp16', 100, { precision: 'fp16' })] }
    expect(selectDeviceTarget(plain, anywhere, { failures: [], costs: {} })).toMatchObject({
      backend: 'wasm',
    })
  })

  test('avoids one variant for its damaged files, and a whole backend that was lost', () => {
    expect(targetOf(pc, [['webgpu/q4f16', 'variant']])).toBe('webgpu/fp32')
    expect(targetOf(pc, [['webgpu/q4f16', 'backend']])).toBe('wasm/fp32')
  })

  test('takes the faster of two measured variants, and keeps the manifest’s order where one was not measured', () => {
    expect(targetOf(phone, [], { 'wasm/fp32': 12, 'wasm/q4': 31 })).toBe('wasm/fp32')
    expect(targetOf(phone, [], { 'wasm/fp32': 31, 'wasm/q4': 12 })).toBe('wasm/q4')
    expect(targetOf(phone, [], { 'wasm/fp32': 31, 'wasm/q8': 14, 'wasm/q4': 12 })).toBe('wasm/q4')
    expect(targetOf(phone, [], { 'wasm/fp32': 12.5, 'wasm/q4': 12 })).toBe('wasm/fp32')
    expect(targetOf(phone, [], { 'wasm/q4': 12 })).toBe('wasm/fp32')
  })

  test('explains its choice', () => {
    const explanation = (failures: Failure[], speeds: Speeds = {}) =>
      (selectDeviceTarget(pc, manifest, { failures, costs: costsOf(speeds) }) as DeviceTarget).explanation
    const [first] = manifest.variants
    if (!first) return expect.fail('no variant')
    expect(
      explanation([{ backend: 'webgpu', variant: first, avoid: 'memory', message: 'out of memory' }]),
    ).toBe('The device has a GPU (acme); "q4f16" failed there (out of memory), so "q4"')
    expect(explanation([], { 'webgpu/q4f16': 31, 'webgpu/fp32': 12 })).toBe(
      'The device has a GPU (acme); "fp32" took 12.0 ms a row here, "q4f16" 31.0 ms',
    )
  })

  test('reports a device that no variant was made for', () => {
    const webgpuOnly = { ...manifest, variants: manifest.variants.slice(0, 1) }
    const target = selectDeviceTarget(phone, webgpuOnly, { failures: [], costs: {} })
    expect(target).toMatchObject({
      reason: 'variant-missing',
      explanation: 'The model needs webgpu; the device has wasm',
      error: { code: 'capacity_insufficient' },
    })
  })
  test('reports a model that only servers run', () => {
    const target = selectDeviceTarget(pc, { ...manifest, variants: [] }, { failures: [], costs: {} })
    expect(target).toMatchObject({
      reason: 'variant-missing',
      explanation: 'The model needs a server; the device has none of its files',
      error: { code: 'capacity_insufficient' },
    })
  })
})

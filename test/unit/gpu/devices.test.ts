import { describe, expect, test } from 'vitest'
import { deviceEnv, layoutsOf } from '../../../server/inference/gpu/devices.ts'
import { createManualPool, modelSpec } from '../../support/manual-pool.ts'

describe('Lanes on several GPUs', () => {
  const two = (deviceMemory?: number) => {
    const avoided = new Set<string>()
    const made = createManualPool(
      {},
      {
        layouts: () => layoutsOf('webgpu', 4, 2),
        devices: () => ['0', '1'],
        deviceUse: (device) => (avoided.has(device) ? 'avoided' : 'used'),
        deviceMemory,
      },
    )
    return { ...made, avoided, used: () => made.pool.stats().lanes.map(({ device }) => device) }
  }
  const devicesOf = ({ pool }: ReturnType<typeof two>, session: string) =>
    pool
      .stats()
      .lanes.filter(({ sessions }) => sessions.some((one) => one.session === session))
      .map(({ device }) => device)

  test('are one on each, and models are spread over them', async () => {
    const made = two()
    const answers = Promise.all([made.ask(modelSpec('a')), made.ask(modelSpec('b'))])
    await made.pass(500)
    await answers
    expect(made.used()).toEqual(['0', '1'])
    expect([...devicesOf(made, 'a'), ...devicesOf(made, 'b')].sort()).toEqual(['0', '1'])
  })

  test('become two on each where that is faster, and one on each when they are not needed', async () => {
    const made = two()
    await made.load(modelSpec('a'), 64, 3_000)
    expect(made.used().sort()).toEqual(['0', '0', '1', '1'])
    await made.pass(60_000)
    expect(made.used().sort()).toEqual(['0', '1'])
  })

  test('start nowhere but on the other device where one was lost again and again', async () => {
    const made = two()
    made.avoided.add('0')
    for (const id of ['a', 'b']) {
      const answer = made.ask(modelSpec(id))
      await made.pass(500)
      expect(await answer).toBe('answered')
      expect(devicesOf(made, id)).toEqual(['1'])
    }
  })

  test('hold no more models than the memory of their own device', async () => {
    const made = two(250)
    for (const id of ['a', 'b', 'c', 'd', 'e', 'f']) {
      const answer = made.ask(modelSpec(id))
      await made.pass(500)
      expect(await answer).toBe('answered')
    }
    for (const { sessions } of made.pool.stats().lanes)
      expect(sessions.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0)).toBeLessThanOrEqual(250)
    expect(made.pool.stats().memory.usedBytes).toBe(400)
  })
})

describe('A device', () => {
  test.each([
    ['cuda', '1', { CUDA_DEVICE_ORDER: 'PCI_BUS_ID', CUDA_VISIBLE_DEVICES: '1' }],
    ['cuda', 'GPU-8932f937', { CUDA_DEVICE_ORDER: 'PCI_BUS_ID', CUDA_VISIBLE_DEVICES: 'GPU-8932f937' }],
    ['webgpu', '10de:2330', { VK_LOADER_DEVICE_SELECT: '0x10de:0x2330', MESA_VK_DEVICE_SELECT: '10de:2330' }],
    ['webgpu', 'pci-0000_65_00_0', { DRI_PRIME: 'pci-0000_65_00_0' }],
    ['webgpu', 'gpu', {}],
    ['cpu', '1', {}],
  ] as const)('of %s named %s is chosen by variables of the lane', (backend, device, env) => {
    expect(deviceEnv(backend, device)).toEqual(env)
  })

  test('of WebGPU has no number', () => {
    expect(() => deviceEnv('webgpu', '1')).toThrow('WebGPU cannot choose the device "1"')
  })
})

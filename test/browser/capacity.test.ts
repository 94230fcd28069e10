import { expect, test } from 'vitest'
import { systemClock } from '../../models/async/clock.ts'
import { probeCapacity } from '../../web/device/capacity/probe.ts'

test('the probe sees this browser as it is: SIMD, JSPI, a software GPU, storage', async () => {
  const { gpu, wasm, memoryBudget, storage } = await probeCapacity(systemClock)
  expect(wasm).toMatchObject({ simd: true, jspi: 'Suspending' in WebAssembly })
  expect(wasm.threads).toBe(crossOriginIsolated ? Math.ceil(navigator.hardwareConcurrency / 2) : 1)
  expect(gpu).toMatchObject({ software: true, maxBufferSize: expect.any(Number) })
  expect(gpu?.maxStorageBufferBindingSize).toBeGreaterThan(2 ** 27)
  expect(memoryBudget).toBeGreaterThanOrEqual(2 ** 26)
  expect(storage?.quota).toBeGreaterThan(0)
})

import { expect, test } from 'vitest'
import { systemClock } from '../../models/async/clock.ts'
import { memoryBudget as estimateMemory, probeCapacity } from '../../web/device/capacity.ts'

test('the probe reports SIMD, JSPI, the software GPU and the storage of this browser', async () => {
  const { gpu, wasm, memoryBudget, storage } = await probeCapacity(
    systemClock,
    estimateMemory(),
    async () => true,
  )
  expect(wasm).toMatchObject({ simd: true, jspi: 'Suspending' in WebAssembly })
  expect(wasm.threads).toBe(crossOriginIsolated ? Math.ceil(navigator.hardwareConcurrency / 2) : 1)
  expect(gpu).toMatchObject({ software: true, maxBufferSize: expect.any(Number) })
  expect(gpu?.maxStorageBufferBindingSize).toBeGreaterThan(2 ** 27)
  expect(memoryBudget).toBeGreaterThanOrEqual(2 ** 26)
  expect(storage?.quota).toBeGreaterThan(0)
})

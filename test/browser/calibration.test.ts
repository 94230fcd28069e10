import { createStore, get, set } from 'idb-keyval'
import { expect, inject, test } from 'vitest'
import { systemClock } from '../../models/async/clock.ts'
import { createRuntime } from '../../web/api/index.ts'
import { createIndexedDbCalibrations } from '../../web/device/calibration/calibration-store.ts'

test('the store returns a written calibration, and undefined for any other value', async () => {
  const name = crypto.randomUUID()
  const store = createIndexedDbCalibrations(systemClock, name)
  expect(await store.read('digits@1')).toBeUndefined()
  const calibration = { fingerprint: 'here', curves: { 'wasm/fp32': [{ rows: 1, ms: 0.5 }] } }
  await store.write('digits@1', calibration)
  expect(await createIndexedDbCalibrations(systemClock, name).read('digits@1')).toEqual(calibration)
  await set(
    'digits@1',
    { fingerprint: 'here', curves: { 'wasm/fp32': [{ rows: 0, ms: 'x' }] } },
    createStore(name, 'calibrations'),
  )
  expect(await store.read('digits@1')).toBeUndefined()
})

test('a loaded model is measured, and its measurements are stored', async () => {
  const kept = createStore('spillway-calibration', 'calibrations')
  await set('digits@1', undefined, kept)
  const runtime = await createRuntime({ server: inject('serverUrl'), policy: 'device' })
  await runtime.model('digits')
  // How many sizes are measured depends on the machine's speed.
  await expect
    .poll(() => get('digits@1', kept), { timeout: 30_000 })
    .toMatchObject({
      fingerprint: expect.stringMatching(/"\d+\.\d+\.\d+"\]$/),
      curves: { 'wasm/q8': expect.arrayContaining([{ rows: 1, ms: expect.any(Number) }]) },
    })
  runtime.close()
})

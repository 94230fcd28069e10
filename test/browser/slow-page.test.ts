import { createStore, get, set } from 'idb-keyval'
import { expect, inject, test } from 'vitest'
import { createRuntime } from '../../web/api/index.ts'

/** Holds the page's thread, as a page's own work does. */
function block(ms: number): void {
  for (const until = performance.now() + ms; performance.now() < until; );
}

test('a page that blocks its own thread gets every answer from the device, and stores what the lane needs', {
  timeout: 60_000,
}, async () => {
  const kept = createStore('spillway-calibration', 'calibrations')
  await set('digits@1', undefined, kept)
  const runtime = await createRuntime({ server: inject('serverUrl'), policy: 'device' })
  try {
    const model = await runtime.model('digits')
    const image = new Float32Array(784)
    // The page is held for five seconds; a busy machine takes its time as well.
    const options = { deadlineMs: 20_000 }
    await model.run({ image })
    const fates: Promise<string>[] = []
    for (let cycle = 0; cycle < 20; cycle++) {
      for (let call = 0; call < 100; call++) {
        fates.push(
          model.run({ image }, options).then(
            () => 'answered',
            (error) => String(error.code),
          ),
        )
      }
      // In this time messages are sent and taken.
      await new Promise((resolve) => setTimeout(resolve, 30))
      block(200)
    }
    expect(new Set(await Promise.all(fates))).toEqual(new Set(['answered']))
  } finally {
    runtime.close()
  }
  await expect
    .poll(() => get('digits@1', kept), { timeout: 20_000 })
    .toMatchObject({
      curves: { 'wasm/q8': expect.arrayContaining([{ rows: expect.any(Number), ms: expect.any(Number) }]) },
    })
})

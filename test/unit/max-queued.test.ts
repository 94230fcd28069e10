import { expect, test } from 'vitest'
import type { Manifest } from '../../models/core/index.ts'
import { checkMaxQueued } from '../../web/api/check-options.ts'
import { StatefulSession } from '../../web/api/session.ts'
import { createManualClock } from '../support/manual-clock.ts'
import { openPage } from '../support/page-with-gpu.ts'
import { digitsManifest } from '../support/test-models.ts'

const codesOf = async (runs: readonly Promise<unknown>[]) =>
  (await Promise.allSettled(runs)).map((run) => (run.status === 'fulfilled' ? 'answered' : run.reason.code))

test('The queue of the device holds as many requests as the option says', async () => {
  const page = openPage({ wasm: [30, 1], webgpu: [30, 1] }, undefined, { maxQueued: 3 })
  await page.load()
  const runs = codesOf(Array.from({ length: 9 }, () => page.run()))
  await page.pass(500, 1)
  const codes = await runs
  expect(codes).toContain('overloaded')
  expect(codes.filter((code) => code === 'answered').length).toBeGreaterThanOrEqual(3)
})

test('A session holds as many waiting runs as the option says', async () => {
  const summing: Manifest = {
    ...digitsManifest,
    inputs: ['x', 'sum'].map((name) => ({ name, type: 'float32', shape: [-1] })),
    outputs: ['y', 'next'].map((name) => ({ name, type: 'float32', shape: [-1] })),
    state: [{ input: 'sum', output: 'next' }],
  }
  const session = new StatefulSession(summing, () => new Promise(() => {}), createManualClock(), 2)
  const run = () => session.run({ x: Float32Array.of(1) }, { policy: 'device' })
  const waiting = codesOf([run(), run()])
  await expect(run()).rejects.toMatchObject({
    code: 'overloaded',
    detail: { expected: 'fewer than 2 runs waiting' },
  })
  session.close()
  expect(await waiting).toEqual(['closed', 'closed'])
})

test.each([0, -1, 1.5, Number.NaN, '8'])('%s is refused', (maxQueued) => {
  expect(() => checkMaxQueued(maxQueued as number)).toThrow(
    expect.objectContaining({ code: 'input_value_invalid' }),
  )
})

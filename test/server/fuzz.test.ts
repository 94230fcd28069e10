import { afterAll, beforeAll, expect, test } from 'vitest'
import { type FuzzTarget, startFuzz } from '../support/fuzz/start-fuzz.ts'

let target: FuzzTarget
beforeAll(async () => {
  target = await startFuzz()
})
afterAll(async () => {
  await target.server.stop()
})

const metadata = async ({ url }: FuzzTarget['server']) => (await fetch(new URL('models', url))).text()

test('random requests on every route are answered, and none is a fault of the server', async () => {
  const before = await metadata(target.server)
  const { statuses, faults } = await target.fuzz({ seed: 20_000, count: 1_000 })
  expect(faults).toEqual([])
  // Valid ones are among them, and invalid ones of most kinds.
  for (const status of [200, 400, 401, 404, 405]) expect(statuses[status], `${status}`).toBeGreaterThan(10)
  expect(await metadata(target.server)).toBe(before)
})

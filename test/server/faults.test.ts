import { expect, test } from 'vitest'
import { runFaults } from '../support/faults/run-faults.ts'
import { startFaultyServer } from '../support/faults/start-server.ts'

test('each request settles once, with its own answer, while lanes are killed and hang, upstreams break off, clients leave and frames are malformed', async () => {
  const server = await startFaultyServer({ SPILLWAY_HUNG_SECONDS: '1' })
  const { lost, doubled, wrong, complaints, failed, made, answered } = await runFaults(server, 12, 8)
  expect({ lost, doubled, wrong, complaints, failed }).toEqual({
    ...{ lost: 0, doubled: 0, wrong: [], complaints: [], failed: {} },
  })
  // One of each.
  expect(Object.values(made)).toEqual(new Array(8).fill(1))
  expect(answered).toBeGreaterThan(100)
  expect(await server.stop()).toBe(0)
})

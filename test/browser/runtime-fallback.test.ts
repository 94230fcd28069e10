import { expect, test } from 'vitest'
import { systemClock } from '../../models/async/clock.ts'
import { SpillwayError } from '../../models/core/index.ts'
import { startWorkerLane } from '../../workers/host/lane-client/browser/start-worker-lane.ts'

test('A lane fetches the runtime itself where the store cannot load it', { timeout: 60_000 }, async () => {
  const lane = startWorkerLane('test', systemClock, {
    runtime: () => Promise.reject(new SpillwayError('capacity_insufficient', 'The disk is full')),
  })
  try {
    expect((await lane.start({ threads: 1 })).backends).toContain('wasm')
  } finally {
    lane.kill(new SpillwayError('closed', 'The test is over'))
  }
})

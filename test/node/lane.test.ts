import { describe, expect, test } from 'vitest'
import { systemClock } from '../../models/async/clock.ts'
import { laneLimits } from '../../workers/host/lane-client/lane.ts'
import { laneContract } from '../contract/lane.ts'
import { createManualClock } from '../support/manual-clock.ts'
import { digitsGraph, processLane } from '../support/process-lane.ts'
import { digitsManifest } from '../support/test-models.ts'

laneContract('A server process', {
  start: () => processLane(systemClock),
  manifest: digitsManifest,
  graph: digitsGraph,
  backends: ['cpu'],
  timeoutMs: 30_000,
})

describe('a server process', () => {
  test('reports the backends of its runtime, and the signal that ended it', async () => {
    const lane = processLane(systemClock)
    const { runtime, backends } = await lane.start({ threads: 1 })
    expect(runtime).toMatch(/^1\.\d+/)
    expect(backends).toContain('cpu')
    process.kill(lane.pid ?? 0, 'SIGKILL')
    expect((await lane.lost).message).toContain('killed by SIGKILL')
  })

  test('is killed by the watchdog when it does not answer, and its calls are settled', async () => {
    const clock = createManualClock()
    const lane = processLane(clock, { ...laneLimits, startMs: 1_000 })
    process.kill(lane.pid ?? 0, 'SIGSTOP')
    const started = lane.start({ threads: 1 })
    clock.advance(999)
    clock.advance(1)
    await expect(started).rejects.toMatchObject({
      code: 'lane_lost',
      message: expect.stringContaining('within 1000 ms'),
    })
    await expect(lane.lost).resolves.toMatchObject({ code: 'lane_lost' })
  })
})

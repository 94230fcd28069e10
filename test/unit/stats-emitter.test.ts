import { expect, test } from 'vitest'
import { type RuntimeStats, StatsEmitter, type StatsEvent } from '../../web/api/stats.ts'
import { createManualClock } from '../support/manual-clock.ts'

const quiet = { queued: 0, maxQueued: 1, isSaturated: false, running: 0, models: [] }
const statsOf = (running: number): RuntimeStats => ({
  device: { ...quiet, running, lanes: [], memory: { usedBytes: 0, budgetBytes: 0 } },
  server: null,
  placements: [],
})

test('what happens is told a while later, once for many requests, until all is quiet or closed', () => {
  const clock = createManualClock()
  let running = 1
  const told: StatsEvent[] = []
  const emitter = new StatsEmitter(
    clock,
    () => statsOf(running),
    (event) => told.push(event),
  )
  for (let request = 0; request < 100; request++) emitter.note()
  clock.advance(249)
  expect(told).toHaveLength(0)
  clock.advance(1)
  expect(told).toHaveLength(1)
  running = 0
  clock.advance(250)
  expect(told.at(-1)?.stats.device.running).toBe(0)
  clock.advance(10_000)
  expect(told).toHaveLength(2)

  emitter.note()
  emitter.close()
  emitter.note()
  clock.advance(10_000)
  expect(told).toHaveLength(2)
})

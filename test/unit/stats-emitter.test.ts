import { expect, test } from 'vitest'
import { type RuntimeStats, StatsEmitter, type StatsEvent } from '../../web/api/stats.ts'
import { createManualClock } from '../support/manual-clock.ts'

const idle = { queued: 0, maxQueued: 1, isSaturated: false, running: 0, models: [] }
const statsOf = (running: number): RuntimeStats => ({
  device: { ...idle, running, lanes: [], memory: { usedBytes: 0, budgetBytes: 0 } },
  server: null,
  placements: [],
})

test('stats are emitted after an interval, once for many requests, until nothing runs or the runtime is closed', () => {
  const clock = createManualClock()
  let running = 1
  const events: StatsEvent[] = []
  const emitter = new StatsEmitter(
    clock,
    () => statsOf(running),
    (event) => events.push(event),
  )
  for (let request = 0; request < 100; request++) emitter.noteActivity()
  clock.advance(249)
  expect(events).toHaveLength(0)
  clock.advance(1)
  expect(events).toHaveLength(1)
  running = 0
  clock.advance(250)
  expect(events.at(-1)?.stats.device.running).toBe(0)
  clock.advance(10_000)
  expect(events).toHaveLength(2)

  emitter.noteActivity()
  emitter.close()
  emitter.noteActivity()
  clock.advance(10_000)
  expect(events).toHaveLength(2)
})

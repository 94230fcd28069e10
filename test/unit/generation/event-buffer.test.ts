import { expect, test } from 'vitest'
import { EventBuffer } from '../../../workers/lane/decode/event-buffer.ts'
import { createManualClock } from '../../support/manual-clock.ts'

const load = () => ({ slots: 1, running: 1, waiting: 0, kvUsage: 0 })

test('a reader that takes over from another gets the next events at once', async () => {
  const buffer = new EventBuffer(createManualClock(), load)
  const first = buffer.take()
  const second = buffer.take()
  expect((await first).events).toEqual([])
  buffer.add({ id: 1, tokens: [{ token: 5 }] })
  // No time passes: nothing but the events ends the wait.
  buffer.flush()
  expect((await second).events).toEqual([{ id: 1, tokens: [{ token: 5 }] }])
})

test('a reader gets an answer within a second where there are no events', async () => {
  const clock = createManualClock()
  const buffer = new EventBuffer(clock, load)
  const taken = buffer.take()
  clock.advance(1_000)
  expect(await taken).toEqual({ events: [], load: load() })
})

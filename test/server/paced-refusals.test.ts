import { afterAll, beforeAll, expect, test } from 'vitest'
import { systemClock } from '../../models/async/clock.ts'
import { pauseMs, RefusalPace, refusedAtOnce } from '../../server/http/pace-refusals.ts'
import { createManualClock } from '../support/manual-clock.ts'
import { processLane } from '../support/process-lane.ts'
import { startTestApp, type TestApp } from '../support/test-app.ts'

const clock = createManualClock()
let app: TestApp
beforeAll(async () => {
  // Runs last until the test ends.
  const startLane = () => ({ ...processLane(systemClock), run: () => new Promise<never>(() => undefined) })
  app = await startTestApp({ clock, startLane, maxQueued: 1 })
})
afterAll(() => app.close())

const body = JSON.stringify({
  inputs: [{ name: 'image', datatype: 'FP32', shape: [1, 1, 28, 28], data: new Array(784).fill(0) }],
})
const ask = async (caller: string) => {
  const headers = { authorization: `Bearer ${caller}` }
  const { status } = await app.request('/v2/models/digits/infer', { method: 'POST', headers, body })
  return status
}

/** Whether it is answered while no time passes. */
const isAnswered = async (answer: Promise<unknown>) => {
  let isSettled = false
  void answer.then(() => {
    isSettled = true
  })
  for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate)
  return isSettled
}

test('a caller that asks again as soon as it is refused learns of it later, and others at once', async () => {
  // One in the lane, and one that waits.
  void ask('busy')
  await expect.poll(() => app.inference.stats().running).toBe(1)
  void ask('busy')
  await expect.poll(() => app.inference.stats().queued).toBe(1)

  for (let count = 0; count < refusedAtOnce; count++) expect(await ask('busy')).toBe(503)
  const held = ask('busy')
  expect(await isAnswered(held)).toBe(false)
  // Refused as well, since the one place that there is does not change hands.
  expect(await isAnswered(ask('other'))).toBe(true)
  clock.advance(pauseMs - 1)
  expect(await isAnswered(held)).toBe(false)
  clock.advance(1)
  expect(await held).toBe(503)
  // The next second begins anew.
  expect(await isAnswered(ask('busy'))).toBe(true)
})

test('the refusals of callers that ask alike are not held back, however many there are', () => {
  const pace = new RefusalPace(createManualClock())
  for (let count = 0; count < 1_000; count++)
    for (let caller = 0; caller < 20; caller++) expect(pace.hold(`caller ${caller}`)).toBeUndefined()
})

import { PassThrough } from 'node:stream'
import { expect, test, vi } from 'vitest'
import { endWhenSilent } from '../../workers/host/lane-client/node/heartbeat.ts'
import { createManualClock } from '../support/manual-clock.ts'
import { settled } from '../support/manual-replicas.ts'

/** Watches a lane that gives its first sign at once, and no other. Its process gets to its timers at such times. */
async function watch(ticks: readonly number[]) {
  const clock = createManualClock()
  const kill = vi.fn()
  const signs = new PassThrough()
  endWhenSilent({ kill, lost: new Promise(() => {}) }, signs, clock, 4_000)
  signs.write('1\n')
  await settled()
  for (const at of ticks) {
    clock.advance(at - clock.now())
    await settled()
    if (kill.mock.calls.length > 0) return clock.now()
  }
  return undefined
}

const every = (ms: number, until: number) =>
  Array.from({ length: Math.floor(until / ms) }, (_, index) => (index + 1) * ms)

test('a silent lane is ended after its time and a tenth', async () => {
  expect(await watch(every(10, 10_000))).toBe(4_400)
})

test('timers that are late on a busy machine do not put off its end', async () => {
  // Each check is up to 170 ms late.
  expect(await watch(every(170, 10_000))).toBeLessThan(4_600)
})

test('a process that stood still blames no lane for it', async () => {
  expect(await watch([3_000, 60_000, ...every(10, 3_000).map((ms) => 60_000 + ms)])).toBeUndefined()
})

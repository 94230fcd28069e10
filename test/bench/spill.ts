import { type Bench, percentile } from './bench-definition.ts'
import type {} from './page/main.ts'
import { slowDown } from './slow-device.ts'

const deadlineMs = 1_000

/** Of three times what the device can answer, two thirds are excess. */
const excess = 2 / 3
const maxShare = excess * 1.2

/** The share of the time in which the device's processes run. Device and server share one machine: the server has the rest. */
const deviceShare = 0.7

export const spill: Bench = {
  name: 'spill',
  description: `three times the requests that a slow device can answer (magika, deadline ${deadlineMs} ms), with a server beside it and without`,
  run: async ({ openPage }) => {
    const page = await openPage()
    const restoreSpeed = await slowDown(page, deviceShare)
    const { alone, together } = await page.evaluate((ms) => window.bench.spill(ms), deadlineMs)
    restoreSpeed()
    const [p99, other] = [percentile(together.times, 0.99), percentile(alone.times, 0.99)]
    return [
      {
        bench: 'spill',
        metric: 'p99 ms of what was answered; ratio: of the deadline',
        ours: p99,
        theirs: other,
        ratio: p99 / deadlineMs,
        reach: '≤ 1',
        ok: p99 <= deadlineMs,
      },
      {
        bench: 'spill',
        metric: 'requests lost; ratio: share of all',
        ours: together.lost,
        theirs: alone.lost,
        ratio: together.lost / (together.times.length + together.lost),
        reach: '0',
        ok: together.lost === 0,
      },
      {
        bench: 'spill',
        metric: 'server share; theirs: the excess',
        ours: together.serverShare,
        theirs: excess,
        ratio: together.serverShare / excess,
        reach: '≤ 1.2',
        ok: together.serverShare <= maxShare,
      },
    ]
  },
}

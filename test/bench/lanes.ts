import { type Bench, faster } from './bench-definition.ts'
import type {} from './page/main.ts'

export const lanes: Bench = {
  name: 'lanes',
  description:
    '64 concurrent run() of magika, WASM: two lanes of one thread, which the autoscaler has started, against one',
  run: async ({ openPage }) => {
    const page = await openPage()
    return [faster('lanes', 'ms', await page.evaluate(() => window.bench.lanes(3)), 1.7)]
  },
}

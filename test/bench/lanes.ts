import { type Bench, faster } from './bench.ts'
import type {} from './page/main.ts'

export const lanes: Bench = {
  name: 'lanes',
  what: '64 concurrent run() of magika, WASM: two lanes of one thread, once they came by themselves, against one',
  run: async ({ openPage }) => {
    const page = await openPage()
    return [faster('lanes', 'ms', await page.evaluate(() => window.bench.lanes(3)), 1.7)]
  },
}

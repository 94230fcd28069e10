import { type Bench, faster } from './bench-definition.ts'
import type {} from './page/main.ts'

export const batching: Bench = {
  name: 'batching',
  description:
    '4,096 concurrent run() of the fraud model, WASM, one lane, in turn with one batch made by hand; calls one at a time are timed apart, because their garbage would be collected in the other side’s time',
  run: async ({ openPage }) => {
    const page = await openPage()
    const { concurrent, oneByOne, byHand } = await page.evaluate(() => window.bench.batching(7))
    return [
      faster(
        'batching',
        'ms, against one call at a time in a worker',
        { ours: concurrent, theirs: oneByOne },
        25,
      ),
      faster('batching', 'ms, against one batch made by hand', { ours: concurrent, theirs: byHand }, 0.5),
    ]
  },
}

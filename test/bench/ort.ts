import { atMost, type Bench, median } from './bench-definition.ts'
import type {} from './page/main.ts'

/** Milliseconds that a run may take longer than in a worker of the page's own. */
const allowedMs = 0.3

export const ort: Bench = {
  name: 'ort',
  description:
    'a lone run of digits by spillway/ort from an idle page, p50, against plain onnxruntime-web in a worker',
  run: async ({ openPage }) => {
    const page = await openPage()
    const rounds = await page.evaluate(() => window.bench.ort(300))
    const [ours, theirs] = [median(rounds.ours), median(rounds.theirs)]
    const metric = 'ms, p50; ratio: ms added'
    return [atMost('ort', metric, { ours, theirs, ratio: ours - theirs }, allowedMs, ' ms')]
  },
}

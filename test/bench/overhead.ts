import { type Bench, median } from './bench-definition.ts'
import type {} from './page/main.ts'

/** Milliseconds that a lone call may take longer than a bare message. */
const allowedMs = 0.15

export const overhead: Bench = {
  name: 'overhead',
  description:
    'a lone run() of digits from an idle page, p50, against a bare message to a worker with the session',
  run: async ({ openPage }) => {
    const page = await openPage()
    const rounds = await page.evaluate(() => window.bench.overhead(300))
    const [ours, theirs] = [median(rounds.ours), median(rounds.theirs)]
    const added = ours - theirs
    return [
      {
        bench: 'overhead',
        metric: 'ms, p50; ratio: ms added',
        ours,
        theirs,
        ratio: added,
        reach: `≤ +${allowedMs} ms`,
        ok: added <= allowedMs,
      },
    ]
  },
}

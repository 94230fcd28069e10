import { atMost, type Bench, median } from './bench-definition.ts'
import type {} from './page/main.ts'

export const neighbours: Bench = {
  name: 'neighbours',
  description: 'the ten nearest of 100,000 vectors of 96 numbers, against a plain loop over the same',
  run: async ({ openPage }) => {
    const page = await openPage()
    const { nearest = [], loop = [] } = await page.evaluate(() => window.bench.neighbours(30))
    return [atMost('neighbours', 'ms', { ours: median(nearest), theirs: median(loop) }, 10, ' ms')]
  },
}

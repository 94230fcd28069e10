import { type Bench, faster } from './bench-definition.ts'
import type {} from './page/main.ts'

export const padding: Bench = {
  name: 'padding',
  description:
    '256 texts of 4 to 128 tokens at once through one attention layer of random weights, against each padded to the longest',
  run: async ({ openPage }) => {
    const page = await openPage()
    const { asTheyAre = [], toLongest = [] } = await page.evaluate(() => window.bench.padding(9))
    return [faster('padding', 'ms', { ours: asTheyAre, theirs: toLongest }, 1.5)]
  },
}

import { atMost, type Bench, percentile } from './bench-definition.ts'
import type {} from './page/main.ts'

const promptTokens = 2_000

export const mixed: Bench = {
  name: 'mixed',
  description: `the gap between tokens of 8 texts while a prompt of ${promptTokens} tokens is read, ms, p99, against the same without it`,
  run: async ({ openPage, isTrial }) => {
    const page = await openPage()
    const { alone, beside } = await page.evaluate(
      ([length, rounds]) => window.bench.mixed('random15m-long', 'wasm', length, rounds),
      [promptTokens, isTrial ? 1 : 3] as const,
    )
    await page.close()
    const [ours, theirs] = [percentile(beside, 0.99), percentile(alone, 0.99)]
    return [atMost('mixed', 'random15m-long on wasm', { ours, theirs, ratio: ours / theirs }, 2, '×')]
  },
}

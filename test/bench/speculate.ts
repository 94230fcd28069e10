import { type Bench, type Comparison, faster } from './bench-definition.ts'
import type {} from './page/main.ts'

const cases = [
  {
    id: 'random15m-repeating',
    backend: 'wasm',
    what: 'a text that repeats its prompt',
    read: 300,
    tokens: 120,
    least: 1.3,
  },
  {
    id: 'random260k-repeating',
    backend: 'webgpu',
    what: 'a text that repeats its prompt',
    read: 60,
    tokens: 64,
    least: 2,
  },
  { id: 'random15m', backend: 'wasm', what: 'a free text', read: 0, tokens: 120, least: 0.97 },
  { id: 'stories260k', backend: 'wasm', what: 'a free text', read: 0, tokens: 200, least: 0.97 },
] as const

export const speculate: Bench = {
  name: 'speculate',
  description:
    'one text with tokens that are proposed and verified in one run, ms, against the same token by token',
  run: async ({ openPage, isTrial }) => {
    const results: Comparison[] = []
    for (const { id, backend, what, read, tokens, least } of cases) {
      const page = await openPage()
      const { proposed, single } = await page.evaluate(
        ([id, backend, read, tokens, rounds]) => window.bench.speculate(id, backend, read, tokens, rounds),
        [id, backend, read, tokens, isTrial ? 1 : 5] as const,
      )
      results.push(
        faster('speculate', `${what}, ${id} on ${backend}`, { ours: proposed, theirs: single }, least),
      )
      await page.close()
    }
    return results
  },
}

import { type Bench, type Comparison, faster } from './bench-definition.ts'
import type {} from './page/main.ts'
import type { SpeculateCase } from './page/speculate.ts'

const cases: readonly (SpeculateCase & { readonly what: string; readonly least: number })[] = [
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
  {
    id: 'random15m-repeating',
    backend: 'wasm',
    what: 'a text that repeats its prompt, with a repetition penalty',
    read: 300,
    tokens: 120,
    repetitionPenalty: 1.1,
    least: 1.3,
  },
  { id: 'random15m', backend: 'wasm', what: 'a free text', read: 0, tokens: 120, least: 0.97 },
  { id: 'stories260k', backend: 'wasm', what: 'a free text', read: 0, tokens: 200, least: 0.97 },
  {
    id: 'random13m-drafted',
    backend: 'wasm',
    what: 'a free text with a draft model that is right',
    read: 0,
    tokens: 120,
    draft: 'random13m-draft',
    least: 1.3,
  },
  {
    id: 'stories260k',
    backend: 'wasm',
    what: 'a free text with a draft model of three of its five layers',
    read: 0,
    tokens: 200,
    draft: 'stories260k-draft',
    least: 0.97,
  },
]

export const speculate: Bench = {
  name: 'speculate',
  description:
    'one text with tokens that are proposed and verified in one run, ms, against the same token by token',
  run: async ({ openPage, isTrial }) => {
    const results: Comparison[] = []
    for (const { what, least, ...one } of cases) {
      const page = await openPage()
      const { proposed, single } = await page.evaluate(
        ([one, rounds]) => window.bench.speculate(one, rounds),
        [one, isTrial ? 1 : 5] as const,
      )
      results.push(
        faster(
          'speculate',
          `${what}, ${one.id} on ${one.backend}`,
          { ours: proposed, theirs: single },
          least,
        ),
      )
      await page.close()
    }
    return results
  },
}

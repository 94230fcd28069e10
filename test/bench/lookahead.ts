import { type Bench, type Comparison, faster } from './bench-definition.ts'
import type {} from './page/main.ts'

export const lookahead: Bench = {
  name: 'lookahead',
  description:
    'texts on WebGPU with steps enqueued before their tokens are read, ms, against reading each step’s token, and its logits',
  run: async ({ openPage, isTrial }) => {
    const results: Comparison[] = []
    for (const [streams, tokens] of [
      [1, 24],
      [8, 8],
    ] as const) {
      const page = await openPage()
      const { ahead, tokensRead, logitsRead } = await page.evaluate(
        ([streams, tokens, rounds]) => window.bench.lookahead('stories260k', streams, tokens, rounds),
        [streams, tokens, isTrial ? 1 : 5] as const,
      )
      const what = `stories260k, ${streams === 1 ? 'one text' : `${streams} texts`}`
      const against = (theirs: readonly number[], name: string) =>
        faster('lookahead', `${what}, against ${name}`, { ours: ahead, theirs }, 1.5)
      results.push(against(logitsRead, 'reading logits'), against(tokensRead, 'reading tokens'))
      await page.close()
    }
    return results
  },
}

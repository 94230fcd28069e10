import { atMost, type Bench, type Comparison, faster, median } from './bench-definition.ts'
import type {} from './page/main.ts'

export const generateOne: Bench = {
  name: 'generate-1',
  description:
    'one stream on WASM, ms a text of 64 tokens and to its first, against @huggingface/transformers on the same file',
  run: async ({ openPage }) => {
    const results: Comparison[] = []
    for (const id of ['stories260k', 'random15m']) {
      const page = await openPage()
      const { ours, theirs } = await page.evaluate((id) => window.bench.generateOne(id, 64, 9), id)
      const of = (runs: typeof ours, what: 'ms' | 'firstMs') => runs.map((run) => run[what])
      results.push(
        faster('generate-1', `${id}, ms a text`, { ours: of(ours, 'ms'), theirs: of(theirs, 'ms') }, 1.3),
        faster(
          'generate-1',
          `${id}, ms to the first token`,
          { ours: of(ours, 'firstMs'), theirs: of(theirs, 'firstMs') },
          1,
        ),
      )
      await page.close()
    }
    return results
  },
}

export const generateEight: Bench = {
  name: 'generate-8',
  description:
    'eight streams at once, ms, against the same in sequence, and against eight calls at once of @huggingface/transformers',
  run: async ({ openPage }) => {
    const results: Comparison[] = []
    for (const { id, backend, tokens, atLeast, withTheirs } of [
      { id: 'random15m', backend: 'wasm', tokens: 32, atLeast: 2.5, withTheirs: true },
      { id: 'random15m-q4', backend: 'wasm', tokens: 32, atLeast: 5, withTheirs: false },
      { id: 'stories260k', backend: 'webgpu', tokens: 8, atLeast: 5, withTheirs: false },
    ] as const) {
      const page = await openPage()
      const measured = await page.evaluate(
        ([id, backend, tokens, withTheirs]) => window.bench.generateEight(id, backend, tokens, 2, withTheirs),
        [id, backend, tokens, withTheirs] as const,
      )
      const { together, sequence, theirs } = measured
      const what = `${id} on ${backend}`
      results.push(
        faster('generate-8', `${what}, against in sequence`, { ours: together, theirs: sequence }, atLeast),
      )
      if (withTheirs)
        results.push(
          faster('generate-8', `${what}, against transformers.js`, { ours: together, theirs }, atLeast),
        )
      await page.close()
    }
    return results
  },
}

export const prefixShared: Bench = {
  name: 'prefix-shared',
  description:
    'ms to the first token of 16 texts with one system prompt of 400 tokens, median, against one for each text',
  run: async ({ openPage, isTrial }) => {
    const page = await openPage()
    const { shared, own } = await page.evaluate(
      (rounds) => window.bench.sharedPrefix('random15m', 16, 400, rounds),
      isTrial ? 1 : 3,
    )
    await page.close()
    const [ours, theirs] = [median(shared), median(own)]
    return [atMost('prefix-shared', 'random15m on wasm', { ours, theirs, ratio: ours / theirs }, 0.2, '×')]
  },
}

export const prefix: Bench = {
  name: 'prefix',
  description:
    "a chat's second turn after 400 tokens, ms to its first token, against reading all of it again",
  run: async ({ openPage }) => {
    const page = await openPage()
    const { reused, anew } = await page.evaluate(() => window.bench.prefix('random15m', 400, 5))
    return [faster('prefix', 'random15m on wasm', { ours: reused, theirs: anew }, 5)]
  },
}

/** Milliseconds of a decode step that may be spent outside the model's run. */
const allowedMs = 0.3

export const stepOverhead: Bench = {
  name: 'step-overhead',
  description:
    'our time a decode step outside of session.run, one stream, the likeliest tokens selected in the graph',
  run: async ({ openPage }) => {
    const page = await openPage()
    const runs = await page.evaluate(async () => [
      await window.bench.stepOverhead('stories260k-top', 200),
      await window.bench.stepOverhead('stories260k-top', 200),
    ])
    const added = median(runs.map(({ overheadMs }) => overheadMs))
    const run = median(runs.map(({ runMs }) => runMs))
    return [
      {
        bench: 'step-overhead',
        metric: 'ms a step; ratio: ms outside of the run',
        ours: run + added,
        theirs: run,
        ratio: added,
        reach: `≤ ${allowedMs} ms`,
        ok: added <= allowedMs,
      },
    ]
  },
}

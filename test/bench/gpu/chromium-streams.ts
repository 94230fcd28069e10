import { relative } from 'node:path'
import type {} from '../page/main.ts'
import { upTo } from './amounts.ts'
import { type BenchPages, inPage } from './bench-page.ts'
import { cacheFolder } from './cache.ts'
import type { Sizes } from './models/sizes.ts'
import type { TextVariant } from './models/text-model.ts'
import { serveFolder } from './serve-folder.ts'
import { rateSide } from './side-lines.ts'
import type { Sitting } from './sitting.ts'
import type { Amount } from './time-streams.ts'
import type { Library } from './webllm/library.ts'
import { webLlmModel } from './webllm/model.ts'

export interface StreamsOptions extends BenchPages {
  readonly sitting: Sitting
  readonly sizes: Sizes
  readonly amount: Amount
}

/** Times one variant on each side that runs it. */
export async function timeVariant(variant: TextVariant, options: StreamsOptions) {
  const { sitting, amount, sizes } = options
  const { id, isPaged } = variant
  const time = (side: 'ours' | 'transformers' | 'bare', name: string, amount: Amount) =>
    sitting.measure(rateSide(`${name} with ${id}`, side === 'ours'), (tellRate) =>
      inPage(options, async (page) => {
        await page.exposeFunction('tellRate', tellRate)
        await page.evaluate(([side, ...given]) => window.bench.streams[side](...given), [
          side,
          sizes.id,
          id,
          amount,
        ] as const)
      }),
    )
  if (!isPaged) await compareTokens(variant, options)
  const ours = await time('ours', 'Ours', amount)
  if (isPaged) return { ours, transformers: [], bare: [] }
  return {
    ours,
    // Its calls share no steps: 128 at once take minutes, and tell nothing more.
    transformers: await time('transformers', 'transformers.js', upTo(32, amount)),
    bare: await time('bare', 'The bare loop', amount),
  }
}

/** Compares greedy tokens of ours with those of transformers.js. Halves may round to another token. */
async function compareTokens({ id, needsHalves }: TextVariant, options: StreamsOptions): Promise<void> {
  const { sitting, sizes, amount } = options
  await sitting.measure<string>(
    { name: `The comparison of tokens with ${id}`, isOurs: false, show: (text) => text },
    async (found) => {
      const { ours, theirs } = await inPage(options, (page) =>
        page.evaluate((given) => window.bench.streams.firstTokens(...given), [sizes.id, id, amount] as const),
      )
      const isSame = ours.join() === theirs.join()
      found(`${id}: a greedy text ${isSame ? 'begins as that of' : 'differs from that of'} transformers.js`)
      if (isSame) return
      const differ = `${id}: a greedy text begins with the tokens ${ours}, and with ${theirs} by transformers.js`
      if (needsHalves) sitting.note(`${differ}; halves may round to another token`)
      else sitting.fail(differ)
    },
  )
}

/** Times WebLLM with a compiled library. It writes one text after the other: more than eight tell nothing more. */
export const timeWebLlm = (library: Library, options: StreamsOptions) =>
  options.sitting.measure(rateSide('WebLLM', false), async (tellRate) => {
    const folder = webLlmModel(library, options.sizes)
    const files = await serveFolder(cacheFolder)
    const address = (path: string) => new URL(relative(cacheFolder, path), files.url).href
    try {
      await inPage(options, async (page) => {
        await page.exposeFunction('tellRate', tellRate)
        await page.evaluate((given) => window.bench.streams.webLlm(...given), [
          `${address(folder)}/`,
          address(library.path),
          upTo(8, options.amount),
        ] as const)
      })
    } finally {
      files.close()
    }
  })

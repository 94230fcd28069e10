import { relative } from 'node:path'
import type { Page } from 'playwright-core'
import { pretendGpu } from '../../support/pretend-gpu.ts'
import type { Harness } from '../bench-definition.ts'
import type {} from '../page/main.ts'
import { upTo } from './amounts.ts'
import { cacheFolder } from './cache.ts'
import type { Sizes } from './models/sizes.ts'
import type { TextVariant } from './models/text-model.ts'
import { serveFolder } from './serve-folder.ts'
import { measuredOrNothing } from './tell.ts'
import type { Amount, Streams } from './time-streams.ts'
import type { Library } from './webllm/library.ts'
import { webLlmModel } from './webllm/model.ts'

export interface StreamsOptions {
  readonly openPage: Harness['openPage']
  readonly isSoftware: boolean
  readonly sizes: Sizes
  readonly amount: Amount
}

/** Times one variant on each side that runs it. Each has a page of its own, whose GPU memory is free after it. */
export async function timeVariant({ id, isPaged }: TextVariant, options: StreamsOptions) {
  const { amount, sizes } = options
  // It writes one text after the other: 128 take minutes, and tell nothing more.
  const few = upTo(32, amount)
  const time = (side: 'ours' | 'transformers' | 'bare', amount: Amount) =>
    inPage(options, (page) =>
      page.evaluate(([side, ...given]) => window.bench.streams[side](...given), [
        side,
        sizes.id,
        id,
        amount,
      ] as const),
    )
  const ours = await time('ours', amount)
  if (isPaged) return { ours, transformers: [], bare: [] }
  return {
    ours,
    transformers: await measuredOrNothing(`transformers.js with ${id}`, () => time('transformers', few)),
    bare: await measuredOrNothing(`The bare loop with ${id}`, () => time('bare', amount)),
  }
}

/** Times WebLLM with a compiled library. It writes one text after the other: more than eight tell nothing more. */
export async function timeWebLlm(library: Library, options: StreamsOptions): Promise<Streams[]> {
  const folder = webLlmModel(library, options.sizes)
  const files = await serveFolder(cacheFolder)
  const address = (path: string) => new URL(relative(cacheFolder, path), files.url).href
  const few = upTo(8, options.amount)
  try {
    return await inPage(options, (page) =>
      page.evaluate((given) => window.bench.streams.webLlm(...given), [
        `${address(folder)}/`,
        address(library.path),
        few,
      ] as const),
    )
  } finally {
    files.close()
  }
}

async function inPage<T>(
  { openPage, isSoftware }: StreamsOptions,
  work: (page: Page) => Promise<T>,
): Promise<T> {
  const page = await openPage()
  if (isSoftware) {
    await pretendGpu(page)
    await page.reload()
    await page.waitForFunction(() => 'bench' in window)
  }
  try {
    return await work(page)
  } finally {
    await page.context().close()
  }
}

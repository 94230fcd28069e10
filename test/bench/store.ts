import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BrowserContext, Page } from 'playwright-core'
import { randomBytes, sha256Of, startFileServer } from '../support/file-server.ts'
import { launchProfile } from '../support/page.ts'
import { type Bench, type Comparison, median } from './bench-definition.ts'
import type {} from './page/main.ts'
import { renderersOf } from './renderers.ts'
import { residentBytes } from './servers/memory.ts'

const size = 256 * 2 ** 20

/** Garbage collection happens at random times, so memory is measured several times. */
const memoryRounds = 5

/** Serves a file of random bytes while `use` runs. */
async function withFile<T>(use: (file: { href: string; sha256: string; size: number }) => Promise<T>) {
  const bytes = randomBytes(size)
  const server = await startFileServer(bytes)
  try {
    return await use({ href: server.url.href, sha256: sha256Of(bytes), size })
  } finally {
    await server.stop()
  }
}

/** A browser profile on disk while `use` runs; each `start` starts the browser again. */
async function withProfile<T>(use: (start: () => Promise<BrowserContext>) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'spillway-bench-'))
  let context: BrowserContext | undefined
  try {
    return await use(async () => {
      await context?.close()
      context = await launchProfile(folder)
      return context
    })
  } finally {
    await context?.close()
    await rm(folder, { recursive: true, force: true })
  }
}

function slower(bench: string, metric: string, ours: number, theirs: number, atMost: number): Comparison {
  const ratio = ours / theirs
  const reach = `≤ ${atMost}×`
  return { bench, metric: `${metric}; ratio: ours/theirs`, ours, theirs, ratio, reach, ok: ratio <= atMost }
}

function memory(place: string, peak: number): Comparison {
  const ratio = peak / size
  return {
    bench: 'store-load',
    metric: `MB of memory at the peak, ${place}; ratio: of the file`,
    ours: peak / 2 ** 20,
    theirs: size / 2 ** 20,
    ratio,
    reach: '< 1.5×',
    ok: ratio < 1.5,
  }
}

export const storeLoad: Bench = {
  name: 'store-load',
  description:
    '256 MB from the store into the bytes that a session takes, each chunk checked, against a worker that reads the same chunks from IndexedDB and no more; and the renderer process at its peak meanwhile',
  run: async ({ openPage }) =>
    withProfile(async (start) =>
      withFile(async (file) => {
        const page = await openPage(await start())
        const { ours, indexedDb, theirs } = await page.evaluate(
          (loaded) => window.bench.storeLoad(loaded, 5),
          file,
        )
        const comparisons = [
          slower('store-load', 'ms, from where a page keeps it', median(ours), median(theirs), 1.15),
          slower('store-load', 'ms, kept in IndexedDB', median(indexedDb), median(theirs), 1.15),
        ]
        for (const place of ['from where a page keeps it', 'kept in IndexedDB'] as const) {
          const peaks: number[] = []
          for (let round = 0; round < memoryRounds; round++) {
            // A new browser: free memory in an old page's process would hide what a load takes.
            const fresh = await openPage(await start())
            const once = { loaded: file, isPlain: place === 'kept in IndexedDB' }
            const load = () =>
              fresh.evaluate(({ loaded, isPlain }) => window.bench.storeLoadOnce(loaded, isPlain), once)
            peaks.push(await peakOf(fresh, load))
          }
          comparisons.push(memory(place, median(peaks)))
        }
        return comparisons
      }),
    ),
}

export const storeDownload: Bench = {
  name: 'store-download',
  description:
    '256 MB from localhost, verified and stored, against a worker that fetches them, then writes them to IndexedDB, and no more',
  run: async ({ openPage }) => {
    const times = { ours: [] as number[], theirs: [] as number[] }
    for (let round = 0; round < 3; round++) {
      const { ours, theirs } = await withProfile(async (start) => {
        const page = await openPage(await start())
        return withFile((file) => page.evaluate((fetched) => window.bench.storeDownload(fetched), file))
      })
      times.ours.push(ours)
      times.theirs.push(theirs)
    }
    return [slower('store-download', 'ms', median(times.ours), median(times.theirs), 1.3)]
  },
}

export const storePeers: Bench = {
  name: 'store-peers',
  description:
    'a second visit: 256 MB from the store, checked, against the Cache API as @huggingface/transformers keeps and reads the same file, unchecked',
  run: async ({ openPage }) => {
    const { ours, theirs } = await withProfile(async (start) => {
      const page = await openPage(await start())
      return withFile((file) => page.evaluate((kept) => window.bench.storePeers(kept, 5), file))
    })
    return [slower('store-peers', 'ms to the model’s bytes', median(ours), median(theirs), 1)]
  },
}

/** Bytes of the page's process at its peak beyond those before, read from `/proc`. */
async function peakOf(page: Page, work: () => Promise<unknown>): Promise<number> {
  const renderers = await renderersOf(page)
  const resident = () => renderers.reduce((sum, id) => sum + residentBytes(id), 0)
  const before = resident()
  let peak = before
  let isDone = false
  const watch = (async () => {
    while (!isDone) {
      peak = Math.max(peak, resident())
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  })()
  await work()
  isDone = true
  await watch
  return peak - before
}

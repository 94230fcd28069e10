import { readFile } from 'node:fs/promises'
import type { Page } from 'playwright-core'
import { randomBytes, sha256Of, startFileServer } from '../support/file-server.ts'
import { type Bench, type Comparison, median } from './bench.ts'
import type {} from './page/main.ts'

const size = 256 * 2 ** 20

/** A file of random bytes on a server of its own, while `use` runs. */
async function withFile<T>(use: (file: { href: string; sha256: string; size: number }) => Promise<T>) {
  const bytes = randomBytes(size)
  const server = await startFileServer(bytes)
  try {
    return await use({ href: server.url.href, sha256: sha256Of(bytes), size })
  } finally {
    await server.stop()
  }
}

function slower(bench: string, metric: string, ours: number, theirs: number, atMost: number): Comparison {
  const ratio = ours / theirs
  const reach = `≤ ${atMost}×`
  return { bench, metric: `${metric}; ratio: ours/theirs`, ours, theirs, ratio, reach, ok: ratio <= atMost }
}

export const storeLoad: Bench = {
  name: 'store-load',
  what: '256 MB from the store into the bytes that a session takes, each chunk checked, against a worker that reads the same chunks from IndexedDB and no more; and the renderer process at its peak meanwhile',
  run: async ({ openPage }) => {
    const page = await openPage()
    return withFile(async (file) => {
      const { ours, indexedDb, theirs } = await page.evaluate(
        (loaded) => window.bench.storeLoad(loaded, 5),
        file,
      )
      await page.reload()
      await page.waitForFunction(() => 'bench' in window)
      const peak = await peakOf(page, () =>
        page.evaluate((loaded) => window.bench.storeLoadOnce(loaded), file),
      )
      const share = peak / size
      return [
        slower('store-load', 'ms, from where a page keeps it', median(ours), median(theirs), 1.15),
        slower('store-load', 'ms, kept in IndexedDB', median(indexedDb), median(theirs), 1.15),
        {
          bench: 'store-load',
          metric: 'MB of memory at the peak; ratio: of the file',
          ours: peak / 2 ** 20,
          theirs: size / 2 ** 20,
          ratio: share,
          reach: '< 1.5×',
          ok: share < 1.5,
        },
      ]
    })
  },
}

export const storeDownload: Bench = {
  name: 'store-download',
  what: '256 MB from localhost, verified and stored, against a worker that fetches them, then writes them to IndexedDB, and no more',
  run: async ({ openPage }) => {
    const times = { ours: [] as number[], theirs: [] as number[] }
    for (let round = 0; round < 3; round++) {
      const page = await openPage()
      const { ours, theirs } = await withFile((file) =>
        page.evaluate((fetched) => window.bench.storeDownload(fetched), file),
      )
      times.ours.push(ours)
      times.theirs.push(theirs)
      await page.context().close()
    }
    return [slower('store-download', 'ms', median(times.ours), median(times.theirs), 1.3)]
  },
}

export const storePeers: Bench = {
  name: 'store-peers',
  what: 'a second visit: 256 MB from the store, checked, against the Cache API as @huggingface/transformers keeps and reads the same file, unchecked',
  run: async ({ openPage }) => {
    const page = await openPage()
    const { ours, theirs } = await withFile((file) =>
      page.evaluate((kept) => window.bench.storePeers(kept, 5), file),
    )
    return [slower('store-peers', 'ms to the model’s bytes', median(ours), median(theirs), 1)]
  },
}

/** Bytes that the page's process has more at its peak than before, by what Linux tells of it. */
async function peakOf(page: Page, work: () => Promise<unknown>): Promise<number> {
  const browser = await page.context().browser()?.newBrowserCDPSession()
  const { processInfo = [] } = (await browser?.send('SystemInfo.getProcessInfo')) ?? {}
  const renderers = processInfo.filter(({ type }) => type === 'renderer').map(({ id }) => id)
  const resident = async () => {
    const sizes = await Promise.all(
      renderers.map(async (id) => {
        const status = await readFile(`/proc/${id}/status`, 'utf8').catch(() => '')
        return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) * 1024
      }),
    )
    return sizes.reduce((sum, bytes) => sum + bytes, 0)
  }
  const before = await resident()
  let peak = before
  let isDone = false
  const watch = (async () => {
    while (!isDone) {
      peak = Math.max(peak, await resident())
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  })()
  await work()
  isDone = true
  await watch
  return peak - before
}

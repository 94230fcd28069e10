import type { Page } from 'playwright-core'
import { type Bench, type Harness, median } from './bench-definition.ts'
import type {} from './page/main.ts'

/** 10 Mbit/s, in bytes a second. */
const downloadThroughput = 10e6 / 8

/** Pages of each kind. One in four of them also waits for its download, which takes long. */
const rounds = 8

export const bridge: Bench = {
  name: 'bridge',
  description:
    'a page that opens magika over 10 Mbit/s: its first answer, against a plain call to the server from as fresh a page, and against waiting for the download',
  run: async ({ openPage }) => {
    const first: number[] = []
    const preloaded: number[] = []
    const plain: number[] = []
    const waited: number[] = []
    let unmoved = 0
    for (let round = 0; round < rounds; round++) {
      plain.push(await onFreshPage(openPage, (page) => page.evaluate(() => window.bench.plainCall())))
      const stay = round % 4 === 0
      const bridged = await onFreshPage(openPage, (page) =>
        page.evaluate((stay) => window.bench.bridge(stay), stay),
      )
      first.push(bridged.first)
      preloaded.push(
        await onFreshPage(openPage, (page) =>
          page.evaluate(async () => {
            await window.bench.preloadManifest()
            return (await window.bench.bridge(false)).first
          }),
        ),
      )
      if (!stay) continue
      if (!bridged.moved || bridged.failed > 0) unmoved++
      waited.push(await onFreshPage(openPage, (page) => page.evaluate(() => window.bench.waitForModel())))
    }
    const [ours, early] = [median(first), median(preloaded)]
    const [call, download] = [median(plain), median(waited)]
    return [
      {
        bench: 'bridge',
        metric: 'ms to the first answer, against a plain server call',
        ours,
        theirs: call,
        ratio: ours / call,
        reach: '≤ 1.2',
        ok: ours / call <= 1.2,
      },
      {
        bench: 'bridge',
        metric: "the same where the page's HTML preloads the manifest",
        ours: early,
        theirs: call,
        ratio: early / call,
        reach: '≤ 1.2',
        ok: early / call <= 1.2,
      },
      {
        bench: 'bridge',
        metric: 'ms to the first answer, against waiting for the download',
        ours,
        theirs: download,
        ratio: download / ours,
        reach: '≥ 1×',
        ok: download >= ours,
      },
      {
        bench: 'bridge',
        metric: 'pages that did not move to the device, or saw a failure',
        ours: unmoved,
        theirs: 0,
        ratio: unmoved / waited.length,
        reach: '0',
        ok: unmoved === 0,
      },
    ]
  },
}

/** Runs `use` in a fresh profile: nothing is stored, connected or compiled yet. */
async function onFreshPage<T>(openPage: Harness['openPage'], use: (page: Page) => Promise<T>): Promise<T> {
  const page = await openPage()
  const session = await page.context().newCDPSession(page)
  await session.send('Network.enable')
  await session.send('Network.emulateNetworkConditions', {
    offline: false,
    latency: 0,
    downloadThroughput,
    uploadThroughput: -1,
  })
  const result = await use(page)
  await page.context().close()
  return result
}

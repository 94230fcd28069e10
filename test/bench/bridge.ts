import { type Bench, median } from './bench.ts'
import type {} from './page/main.ts'

/** 10 Mbit/s, in bytes a second. */
const downloadThroughput = 10e6 / 8

const rounds = 3

export const bridge: Bench = {
  name: 'bridge',
  what: 'a page that opens magika over 10 Mbit/s: its first answer, against a plain call to the server and against waiting for the download',
  run: async ({ openPage }) => {
    const first: number[] = []
    const plain: number[] = []
    const waited: number[] = []
    let unmoved = 0
    for (let round = 0; round < rounds; round++) {
      for (const wait of [false, true]) {
        // A fresh profile each time: nothing is stored.
        const page = await openPage()
        const session = await page.context().newCDPSession(page)
        await session.send('Network.enable')
        await session.send('Network.emulateNetworkConditions', {
          offline: false,
          latency: 0,
          downloadThroughput,
          uploadThroughput: -1,
        })
        const result = await page.evaluate((wait) => window.bench.bridge(wait), wait)
        await page.context().close()
        if (wait) waited.push(result.first)
        else {
          first.push(result.first)
          plain.push(result.plain)
          if (!result.moved || result.failed > 0) unmoved++
        }
      }
    }
    const [ours, call, download] = [median(first), median(plain), median(waited)]
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
        ratio: unmoved / rounds,
        reach: '0',
        ok: unmoved === 0,
      },
    ]
  },
}

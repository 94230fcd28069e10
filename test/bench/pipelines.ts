import { availableParallelism } from 'node:os'
import { startHub } from '../support/hub.ts'
import { atMost, type Bench, faster, median } from './bench-definition.ts'
import { encoderAndTexts } from './encoder-texts.ts'
import type {} from './page/main.ts'

const texts = 64
/** Words of the shortest and the longest text. */
const [shortest, longest] = [4, 64]

export const pipelines: Bench = {
  name: 'pipelines',
  description: `${texts} texts of ${shortest} to ${longest} words through pipeline('feature-extraction') of spillway/transformers, a small encoder of random weights, against transformers.js on the same files: called at once in the page, and one after the other against transformers.js in a worker`,
  run: async ({ openPage, isTrial }) => {
    const { repository, texts: made } = encoderAndTexts(texts, shortest, longest)
    const hub = await startHub({ 'bench/encoder': repository })
    const page = await openPage()
    const { atOnce, longestTask, lone } = await page.evaluate(
      ([hub, texts, options]) => window.bench.pipelines(hub, texts, options),
      [hub.url.href, made, { rounds: isTrial ? 3 : 9, cores: availableParallelism() }] as const,
    )
    await page.close()
    await hub.stop()
    const [ours, theirs] = [median(lone.ours ?? []), median(lone.theirs ?? [])]
    return [
      faster('pipelines', 'ms, all at once', { ours: atOnce.ours ?? [], theirs: atOnce.theirs ?? [] }, 1.5),
      atMost(
        'pipelines',
        'ms, the longest task of the page meanwhile; 0: none over 50 ms; theirs: the bound',
        { ours: longestTask, theirs: 50 },
        50,
        ' ms',
      ),
      atMost(
        'pipelines',
        'ms, 16 in turn, against transformers.js in a worker; ratio: ours to theirs',
        { ours, theirs, ratio: ours / theirs },
        1.05,
        '×',
      ),
    ]
  },
}

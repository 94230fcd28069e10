import { availableParallelism } from 'node:os'
import { startHub } from '../support/hub.ts'
import { longestTasks } from '../support/trace.ts'
import { atMost, type Bench, faster, median } from './bench-definition.ts'
import { encoderAndTexts } from './encoder-texts.ts'
import type {} from './page/main.ts'

const texts = 64
/** Words of the shortest and the longest text. */
const [shortest, longest] = [4, 64]

/** Milliseconds, as of a long task. Its CPU time: on a machine whose cores are all taken, a task of 5 ms may last 100. */
const mostOfATask = 50

export const pipelines: Bench = {
  name: 'pipelines',
  description: `${texts} texts of ${shortest} to ${longest} words through pipeline('feature-extraction') of spillway/transformers, a small encoder of random weights, against transformers.js on the same files: called at once in the page, and one after the other against transformers.js in a worker`,
  run: async ({ openPage, isTrial }) => {
    const { repository, texts: made } = encoderAndTexts(texts, shortest, longest)
    const hub = await startHub({ 'bench/encoder': repository })
    const cores = availableParallelism()
    const page = await openPage()
    const { atOnce, lone } = await page.evaluate(
      ([hub, texts, options]) => window.bench.pipelines(hub, texts, options),
      [hub.url.href, made, { rounds: isTrial ? 3 : 9, cores }] as const,
    )
    await page.close()
    const traced = await openPage()
    const call = await traced.evaluateHandle(
      ([hub, texts, cores]) => window.bench.pipelinesAtOnce(hub, texts, cores),
      [hub.url.href, made, cores] as const,
    )
    const [longestTask = Number.NaN] = await longestTasks(traced, async () => {
      for (let round = 0; round < 3; round++) await call.evaluate((atOnce) => atOnce())
    })
    await traced.close()
    await hub.stop()
    const [ours, theirs] = [median(lone.ours ?? []), median(lone.theirs ?? [])]
    return [
      faster('pipelines', 'ms, all at once', { ours: atOnce.ours ?? [], theirs: atOnce.theirs ?? [] }, 1.5),
      atMost(
        'pipelines',
        'ms of CPU, the longest task of the page meanwhile; theirs: the bound',
        { ours: longestTask, theirs: mostOfATask },
        mostOfATask,
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

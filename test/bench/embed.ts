import { availableParallelism } from 'node:os'
import { startHub } from '../support/hub.ts'
import { type Bench, type Comparison, faster } from './bench-definition.ts'
import { encoderAndTexts } from './encoder-texts.ts'
import type {} from './page/main.ts'

const texts = 512
const batch = 32
/** Words of the shortest and the longest text. */
const [shortest, longest] = [2, 24]

export const embed: Bench = {
  name: 'embed',
  description: `${texts} texts of ${shortest} to ${longest} words through a small encoder of random weights, ms, against @huggingface/transformers on the same files, with one core each and with all`,
  run: async ({ openPage }) => {
    const { repository, texts: made } = encoderAndTexts(texts, shortest, longest)
    const hub = await startHub({ 'bench/encoder': repository })
    const results: Comparison[] = []
    for (const cores of new Set([1, availableParallelism()])) {
      const page = await openPage()
      const measured = await page.evaluate(
        ([hub, texts, options]) => window.bench.embed(hub, texts, options),
        [hub.url.href, made, { batch, rounds: 3, cores }] as const,
      )
      await page.close()
      const { concurrent = [], theirsConcurrent = [], inBatches = [], theirsInBatches = [] } = measured
      const where = cores === 1 ? 'one core' : `${cores} cores`
      results.push(
        faster('embed', `one text a call, ${where}`, { ours: concurrent, theirs: theirsConcurrent }, 3),
        faster('embed', `arrays of ${batch}, ${where}`, { ours: inBatches, theirs: theirsInBatches }, 1.2),
      )
    }
    await hub.stop()
    return results
  },
}

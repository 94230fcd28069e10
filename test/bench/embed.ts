import { startHub } from '../support/hub.ts'
import { sentenceTransformer } from '../support/sentence-transformer.ts'
import { type Bench, faster } from './bench.ts'
import type {} from './page/main.ts'

const texts = 512
const batch = 32
/** Words of the shortest and the longest text. */
const [shortest, longest] = [2, 60]

export const embed: Bench = {
  name: 'embed',
  what: `${texts} texts of ${shortest} to ${longest} words through a small encoder of random weights, ms, against @huggingface/transformers on the same files, one thread each`,
  run: async ({ openPage }) => {
    const { language, repository } = sentenceTransformer({
      words: 4_000,
      width: 128,
      heads: 4,
      layers: 3,
      context: 256,
    })
    const lengths = Array.from(
      { length: texts },
      (_, index) => shortest + ((index * 37) % (longest - shortest + 1)),
    )
    const hub = await startHub({ 'bench/encoder': repository })
    const page = await openPage()
    const measured = await page.evaluate(([hub, texts, batch]) => window.bench.embed(hub, texts, batch, 3), [
      hub.url.href,
      language.texts(lengths, 1),
      batch,
    ] as const)
    await page.close()
    await hub.stop()
    const { concurrent = [], theirsConcurrent = [], inBatches = [], theirsInBatches = [] } = measured
    return [
      faster('embed', 'one text a call, all at once', { ours: concurrent, theirs: theirsConcurrent }, 3),
      faster('embed', `arrays of ${batch} texts`, { ours: inBatches, theirs: theirsInBatches }, 1.2),
    ]
  },
}

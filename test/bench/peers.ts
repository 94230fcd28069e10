import { type Bench, faster } from './bench-definition.ts'
import type {} from './page/main.ts'

export const peers: Bench = {
  name: 'peers',
  description:
    'the texts of the padding bench, 256 at once and 64 one after another, through transformers.js and plain onnxruntime-web, called one by one and in batches of 32 made by hand. Ours and plain run in a worker; transformers.js runs in the page’s thread, which is blocked meanwhile, and where asked in turn in a worker, too',
  run: async ({ openPage }) => {
    const page = await openPage()
    const { atOnce, alone } = await page.evaluate(() => window.bench.peers(7))
    const { ours = [] } = atOnce
    const against = (metric: string, theirs: readonly number[] = []) =>
      faster('peers', `ms, 256 at once, against ${metric}`, { ours, theirs }, 1)
    const oneByOne = (metric: string, theirs: readonly number[] = []) =>
      faster('peers', `ms, 64 in turn, against ${metric}`, { ours: alone.ours ?? [], theirs }, 0.95)
    return [
      against('transformers.js called at once', atOnce.transformers),
      against('transformers.js batched by hand', atOnce.transformersByHand),
      against('plain onnxruntime-web', atOnce.plain),
      against('plain onnxruntime-web batched by hand', atOnce.plainByHand),
      oneByOne('transformers.js in the page’s thread', alone.transformers),
      oneByOne('transformers.js in a worker', alone.transformersInWorker),
      oneByOne('plain onnxruntime-web in a worker', alone.plain),
    ]
  },
}

import { pipeline } from '../../../web/adapters/transformers/index.ts'
import { createRuntime } from '../../../web/api/index.ts'
import { expectEqual } from './encoder.ts'
import { openExtractor, pooled } from './extractor.ts'
import workerUrl from './extractor-worker.ts?worker&url'
import { startRequestWorker } from './raw.ts'
import { takeTurns } from './time.ts'
import { configureTransformers } from './transformers.ts'

/** Runtimes with one lane a core, whose models are of the bench's hub. */
const openRuntime = (hub: string, cores: number) =>
  createRuntime({ server: null, policy: 'device', hub: { endpoint: hub }, maxLanes: cores })

/** A core's share of each side: as lanes of ours, as threads of theirs. */
interface PipelineOptions {
  readonly rounds: number
  readonly cores: number
}

/** Texts through `pipeline()` of ours and of transformers.js: all at once, and one after the other. */
export async function pipelines(hub: string, texts: readonly string[], { rounds, cores }: PipelineOptions) {
  const runtime = await openRuntime(hub, cores)
  // First: it names the hub for the tokenizers of both.
  const theirs = await openExtractor(hub, cores)
  const ours = await pipeline('feature-extraction', 'bench/encoder', { runtime })
  for (const text of texts.slice(0, 8))
    expectEqual((await ours(text, pooled)).data, (await theirs(text, pooled)).data)

  const atOnce = await takeTurns(
    {
      ours: () => Promise.all(texts.map((text) => ours(text, pooled))),
      theirs: () => Promise.all(texts.map((text) => theirs(text, pooled))),
    },
    { rounds, warmUp },
  )
  await theirs.dispose()

  // A page that sets no number of threads gets half of the cores from ONNX Runtime.
  const inWorker = startRequestWorker(new URL(workerUrl, import.meta.url))
  await inWorker.ask({ hub, threads: Math.ceil(cores / 2) })
  const few = texts.slice(0, 16)
  const lone = await takeTurns(
    {
      ours: async () => {
        for (const text of few) await ours(text, pooled)
      },
      theirs: async () => {
        for (const text of few) await inWorker.ask({ text })
      },
    },
    { rounds, warmUp },
  )
  inWorker.close()
  runtime.close()
  return { atOnce, lone }
}

const warmUp = 5

/** The texts at once through our pipeline, once it is warm. */
export async function pipelinesAtOnce(hub: string, texts: readonly string[], cores: number) {
  configureTransformers(new URL(hub), '{model}/resolve/{revision}/', cores)
  const ours = await pipeline('feature-extraction', 'bench/encoder', {
    runtime: await openRuntime(hub, cores),
  })
  const atOnce = async () => void (await Promise.all(texts.map((text) => ours(text, pooled))))
  for (let round = 0; round < warmUp; round++) await atOnce()
  return atOnce
}

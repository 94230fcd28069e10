import { pipeline } from '../../../web/adapters/transformers/index.ts'
import { createRuntime } from '../../../web/api/index.ts'
import { expectEqual } from './encoder.ts'
import { openExtractor, pooled } from './extractor.ts'
import workerUrl from './extractor-worker.ts?worker&url'
import { startRequestWorker } from './raw.ts'
import { takeTurns } from './time.ts'

/**
 * Texts through `pipeline()` of ours and of transformers.js: all at once, and one after the other.
 *
 * @param cores Cores that each side may use at once: as lanes of ours, as threads of theirs.
 */
export async function pipelines(
  hub: string,
  texts: readonly string[],
  { rounds, cores }: { readonly rounds: number; readonly cores: number },
) {
  const runtime = await createRuntime({
    server: null,
    policy: 'device',
    hub: { endpoint: hub },
    maxLanes: cores,
  })
  // First: it names the hub for the tokenizers of both.
  const theirs = await openExtractor(hub, cores)
  const ours = await pipeline('feature-extraction', 'bench/encoder', { runtime })
  for (const text of texts.slice(0, 8))
    expectEqual((await ours(text, pooled)).data, (await theirs(text, pooled)).data)

  const tasks: PerformanceEntry[] = []
  new PerformanceObserver((list) => void tasks.push(...list.getEntries())).observe({ type: 'longtask' })
  const spans: { readonly start: number; readonly end: number }[] = []
  // Each side starts in a task of its own, after the last task of the other.
  const pause = () => new Promise((resolve) => setTimeout(resolve, 20))
  const atOnce = await takeTurns(
    {
      before: pause,
      ours: async () => {
        const start = performance.now()
        await Promise.all(texts.map((text) => ours(text, pooled)))
        spans.push({ start, end: performance.now() })
      },
      after: pause,
      theirs: () => Promise.all(texts.map((text) => theirs(text, pooled))),
    },
    { rounds, warmUp: 5 },
  )
  await theirs.dispose()
  const longestTask = Math.max(
    0,
    ...tasks
      .filter(({ startTime, duration }) =>
        spans.some(({ start, end }) => startTime < end && startTime + duration > start),
      )
      .map(({ duration }) => duration),
  )

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
    { rounds, warmUp: 5 },
  )
  inWorker.close()
  runtime.close()
  return { atOnce, longestTask, lone }
}

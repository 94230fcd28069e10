import { createRuntime } from '../../../web/api/index.ts'
import { encode, expectEqual, makeTexts, stack, type Text } from './encoder.ts'
import { openRaw, type Raw, startRequestWorker } from './raw.ts'
import { base, takeTurns } from './time.ts'
import { openEncoder } from './transformers-encoder.ts'
import workerUrl from './transformers-worker.ts?worker&url'

/** Texts in one hand-made batch. */
const byHandRows = 32

const runRaw = (raw: Raw, { ids, mask }: Text, shape: readonly number[] = [1, ids.length]) =>
  raw.runAll([
    { type: 'int64', data: ids, shape },
    { type: 'int64', data: mask, shape },
  ])

/** The same requests through our runtime, transformers.js and plain onnxruntime-web: many at once, and in sequence. */
export async function peers(rounds: number) {
  const runtime = await createRuntime({ server: base, policy: 'device' })
  const model = await runtime.model('encoder')
  const file = model.manifest.variants[0]?.files[0]?.path ?? ''
  const transformers = await openEncoder(file)
  const inWorker = startRequestWorker(new URL(workerUrl, import.meta.url))
  await inWorker.ask({ file })
  const raw = await openRaw(new URL(`models/encoder/${file}`, base))
  const texts = makeTexts(256)
  const few = texts.slice(0, 64)

  const inBatches = async (run: (batch: ReturnType<typeof stack>) => Promise<Float32Array>) => {
    for (let at = 0; at < texts.length; at += byHandRows) await run(stack(texts.slice(at, at + byHandRows)))
  }
  const oneByOne = async (some: readonly Text[], run: (text: Text) => Promise<Float32Array>) => {
    for (const text of some) await run(text)
  }

  for (const text of few) {
    const ours = await encode(model, text)
    expectEqual(ours, await transformers(text))
    expectEqual(ours, await inWorker.ask({ text }))
    expectEqual(ours, await runRaw(raw, text))
  }
  const atOnce = await takeTurns(
    {
      ours: () => Promise.all(texts.map((text) => encode(model, text))),
      transformers: () => Promise.all(texts.map((text) => transformers(text))),
      transformersByHand: () => inBatches((batch) => transformers(batch, batch.shape)),
      // A session takes one run at a time: a second one meanwhile would block it.
      plain: () => oneByOne(texts, (text) => runRaw(raw, text)),
      plainByHand: () => inBatches((batch) => runRaw(raw, batch, batch.shape)),
    },
    { rounds, warmUp: 8 },
  )
  const alone = await takeTurns(
    {
      ours: () => oneByOne(few, (text) => encode(model, text)),
      transformers: () => oneByOne(few, transformers),
      transformersInWorker: () => oneByOne(few, (text) => inWorker.ask({ text })),
      plain: () => oneByOne(few, (text) => runRaw(raw, text)),
    },
    { rounds, warmUp: 5 },
  )
  runtime.close()
  raw.close()
  inWorker.close()
  return { atOnce, alone }
}

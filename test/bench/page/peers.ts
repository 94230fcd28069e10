import { AutoModel, env, PretrainedConfig, Tensor } from '@huggingface/transformers'
import mjs from 'transformers-runtime/ort-wasm-simd-threaded.asyncify.mjs?url'
import wasm from 'transformers-runtime/ort-wasm-simd-threaded.asyncify.wasm?url'
import { createRuntime } from '../../../web/index.ts'
import { encode, expectEqual, makeTexts, stack, type Text } from './encoder.ts'
import { openRaw, type Raw } from './raw.ts'
import { base, takeTurns } from './time.ts'

/** Texts in one batch made by hand: what a page that batches for itself takes. */
const byHandRows = 32

/** The model as transformers.js loads it from a hub; what its hub would say about the model is said here. */
async function openTransformers(file: string) {
  env.remoteHost = base.href
  env.remotePathTemplate = 'models/{model}/'
  env.useBrowserCache = false
  if (env.backends.onnx.wasm)
    env.backends.onnx.wasm.wasmPaths = {
      mjs: new URL(mjs, import.meta.url).href,
      wasm: new URL(wasm, import.meta.url).href,
    }
  const config = new PretrainedConfig({ model_type: 'bert', architectures: ['BertModel'] })
  const name = file.replace(/\.onnx$/, '')
  const options = { config, subfolder: '', model_file_name: name, device: 'wasm', dtype: 'fp32' } as const
  const model = await AutoModel.from_pretrained('encoder', options)
  return async ({ ids, mask }: Text, shape: readonly number[] = [1, ids.length]): Promise<Float32Array> => {
    const dims = [...shape]
    const { last_hidden_state } = await model({
      input_ids: new Tensor('int64', ids, dims),
      attention_mask: new Tensor('int64', mask, dims),
    })
    return last_hidden_state.data
  }
}

const plainly = (raw: Raw, { ids, mask }: Text, shape: readonly number[] = [1, ids.length]) =>
  raw.runAll([
    { type: 'int64', data: ids, shape },
    { type: 'int64', data: mask, shape },
  ])

/** The same requests through our runtime, transformers.js and plain onnxruntime-web: many at once, and one after another. */
export async function peers(rounds: number) {
  const runtime = await createRuntime({ server: base, policy: 'device' })
  const model = await runtime.model('encoder')
  const file = model.manifest.variants[0]?.files[0]?.path ?? ''
  const transformers = await openTransformers(file)
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
    expectEqual(ours, await plainly(raw, text))
  }
  const atOnce = await takeTurns(
    {
      ours: () => Promise.all(texts.map((text) => encode(model, text))),
      transformers: () => Promise.all(texts.map((text) => transformers(text))),
      transformersByHand: () => inBatches((batch) => transformers(batch, batch.shape)),
      // It takes one run at a time: a second one meanwhile would block it.
      plain: () => oneByOne(texts, (text) => plainly(raw, text)),
      plainByHand: () => inBatches((batch) => plainly(raw, batch, batch.shape)),
    },
    { rounds, warmUp: 8 },
  )
  const alone = await takeTurns(
    {
      ours: () => oneByOne(few, (text) => encode(model, text)),
      transformers: () => oneByOne(few, transformers),
      plain: () => oneByOne(few, (text) => plainly(raw, text)),
    },
    { rounds, warmUp: 5 },
  )
  runtime.close()
  raw.close()
  return { atOnce, alone }
}

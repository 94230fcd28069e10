/** Plain onnxruntime-web, as a page would write it itself: a worker with one session that runs each message. */
import * as ort from 'onnxruntime-web/jspi'
import mjs from 'onnxruntime-web/ort-wasm-simd-threaded.jspi.mjs?url'
import wasm from 'onnxruntime-web/ort-wasm-simd-threaded.jspi.wasm?url'

ort.env.wasm.wasmPaths = {
  mjs: new URL(mjs, import.meta.url).href,
  wasm: new URL(wasm, import.meta.url).href,
}
ort.env.wasm.numThreads = 1

interface Request {
  readonly id: number
  readonly model?: string
  /** In the order of the session's inputs. */
  readonly inputs?: readonly RawInput[]
}

export interface RawInput {
  readonly type: 'float32' | 'int32' | 'int64'
  readonly data: Float32Array | Int32Array | BigInt64Array
  readonly shape: readonly number[]
}

let session: ort.InferenceSession | undefined

self.onmessage = async ({ data: { id, model, inputs } }: MessageEvent<Request>) => {
  if (model) {
    const bytes = new Uint8Array(await (await fetch(model)).arrayBuffer())
    session = await ort.InferenceSession.create(bytes, { executionProviders: ['wasm'] })
    self.postMessage({ id })
    return
  }
  if (!session || !inputs) throw new Error('No session')
  const feeds: Record<string, ort.Tensor> = {}
  for (const [index, { type, data, shape }] of inputs.entries())
    feeds[session.inputNames[index] ?? ''] = new ort.Tensor(type, data, shape)
  const outputs = await session.run(feeds)
  const result = outputs[session.outputNames[0] ?? '']?.data as Float32Array
  self.postMessage({ id, result }, { transfer: [result.buffer as ArrayBuffer] })
}

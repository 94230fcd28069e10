/** The plain way that a page would write itself: a worker that holds one session and runs what it is sent. */
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
  readonly data?: Float32Array
  readonly shape?: readonly number[]
}

let session: ort.InferenceSession | undefined

self.onmessage = async ({ data: { id, model, data, shape } }: MessageEvent<Request>) => {
  if (model) {
    const bytes = new Uint8Array(await (await fetch(model)).arrayBuffer())
    session = await ort.InferenceSession.create(bytes, { executionProviders: ['wasm'] })
    self.postMessage({ id })
    return
  }
  if (!session || !data || !shape) throw new Error('No session')
  const [input = '', output = ''] = [session.inputNames[0], session.outputNames[0]]
  const outputs = await session.run({ [input]: new ort.Tensor('float32', data, shape) })
  const result = outputs[output]?.data as Float32Array
  self.postMessage({ id, result }, { transfer: [result.buffer as ArrayBuffer] })
}

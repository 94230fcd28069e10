import type { RawInput } from './raw-worker.ts'
import workerUrl from './raw-worker.ts?worker&url'

/** A worker with plain onnxruntime-web, driven by plain messages. */
export interface Raw {
  run(data: Float32Array, shape: readonly number[]): Promise<Float32Array>
  /** The same for any inputs, in the session's order. */
  runAll(inputs: readonly RawInput[]): Promise<Float32Array>
  close(): void
}

export async function openRaw(model: URL): Promise<Raw> {
  const { ask, close } = startRequestWorker(new URL(workerUrl, import.meta.url))
  await ask({ model: model.href })
  return {
    run: (data, shape) => ask({ inputs: [{ type: 'float32', data, shape }] }),
    runAll: (inputs) => ask({ inputs }),
    close,
  }
}

/** Starts a worker that answers each message with a result. */
export function startRequestWorker(script: URL) {
  const worker = new Worker(script, { type: 'module' })
  const waiting = new Map<number, (result: Float32Array) => void>()
  let count = 0
  worker.onmessage = ({ data: { id, result } }) => {
    waiting.get(id)?.(result)
    waiting.delete(id)
  }
  const ask = (message: object) =>
    new Promise<Float32Array>((resolve) => {
      const id = ++count
      waiting.set(id, resolve)
      worker.postMessage({ id, ...message })
    })
  return { ask, close: () => worker.terminate() }
}

import type { Race } from './quantized-worker.ts'
import workerUrl from './quantized-worker.ts?worker&url'
import { base } from './time.ts'

/** As an object URL: the bench answers the page's requests, but not a worker's. */
const local = async (path: string): Promise<string> =>
  URL.createObjectURL(await (await fetch(new URL(path, base))).blob())

/** A quantized model against the same in floats, one row at a time: milliseconds of the runs alone, in one worker. */
export async function quantized(
  { full, small }: { readonly full: string; readonly small: string },
  type: 'float32' | 'int32',
  shape: readonly number[],
  rounds: number,
): Promise<{ ours: number[]; theirs: number[] }> {
  const count = shape.reduce((all, size) => all * size, 1)
  const data =
    type === 'int32'
      ? Int32Array.from({ length: count }, () => Math.floor(Math.random() * 256))
      : Float32Array.from({ length: count }, () => Math.random())
  const race: Race = {
    full: await local(full),
    small: await local(small),
    input: { type, data, shape },
    rounds,
  }
  const worker = new Worker(new URL(workerUrl, import.meta.url), { type: 'module' })
  try {
    return await new Promise((resolve, reject) => {
      worker.onmessage = ({ data }) => resolve(data)
      worker.onerror = ({ message }) => reject(new Error(message))
      worker.postMessage(race)
    })
  } finally {
    worker.terminate()
  }
}

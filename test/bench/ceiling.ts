import { join } from 'node:path'
import { InferenceSession, Tensor } from 'onnxruntime-node'

const rows = 64

/** Rows per second that ONNX Runtime runs in this process in hand-made batches: no server can be faster. */
export async function ceilingOf(models: string, seconds: number): Promise<number> {
  const session = await InferenceSession.create(join(models, 'magika', 'model.onnx'), {
    intraOpNumThreads: 2,
  })
  const bytes = new Tensor('int32', new Int32Array(rows * 2_048).fill(7), [rows, 2_048])
  await session.run({ bytes })
  const start = performance.now()
  let done = 0
  while (performance.now() - start < seconds * 1_000) {
    await session.run({ bytes })
    done += rows
  }
  const perSecond = (done * 1_000) / (performance.now() - start)
  await session.release()
  return perSecond
}

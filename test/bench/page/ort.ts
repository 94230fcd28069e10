import { InferenceSession, Tensor } from '../../../web/adapters/ort/index.ts'
import { openRaw } from './raw.ts'
import { base, takeTurnsWhenIdle } from './time.ts'

/** A lone run of digits by `spillway/ort`, against plain onnxruntime-web in a worker with the same file. */
export async function ort(rounds: number) {
  const file = new URL('models/digits/fp32/model.onnx', base)
  const session = await InferenceSession.create(file.href)
  const raw = await openRaw(file)
  const image = new Float32Array(784).fill(0.5)
  const shape = [1, 1, 28, 28]
  const run = () => session.run({ image: new Tensor('float32', image, shape) })
  const [{ logits }, expected] = await Promise.all([run(), raw.run(image, shape)])
  if (String(logits?.data) !== String(expected))
    throw new Error(`The sides differ: ${logits?.data}, ${expected}`)
  const times = await takeTurnsWhenIdle(run, () => raw.run(image, shape), rounds)
  await session.release()
  raw.close()
  return times
}

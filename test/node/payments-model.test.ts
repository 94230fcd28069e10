import { fileURLToPath } from 'node:url'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { expect, test } from 'vitest'
import { featureCount, writeFeatures } from '../../web/app/payments/features.ts'
import { simulatePayment } from '../../web/app/payments/simulate.ts'
import { heldAbove } from '../../web/app/payments/stream.ts'

const count = 20_000

test('the model holds most simulated fraud, and hardly any other payment', async () => {
  const file = new URL('../../models/catalogue/transactions/fp32/model.onnx', import.meta.url)
  const session = await InferenceSession.create(fileURLToPath(file))
  const features = new Float32Array(count * featureCount)
  const isFraud: boolean[] = []
  for (let row = 0; row < count; row++) {
    const facts = simulatePayment(Math.random)
    writeFeatures(features.subarray(row * featureCount, (row + 1) * featureCount), facts)
    isFraud.push(facts.amount > 5)
  }
  const { probability } = await session.run({ features: new Tensor(features, [count, featureCount]) })
  const held = (fraud: boolean) =>
    isFraud.filter((is, row) => is === fraud && Number(probability?.data[row]) > heldAbove).length
  const frauds = isFraud.filter(Boolean).length
  expect(frauds).toBeGreaterThan(0)
  expect(held(true) / frauds).toBeGreaterThan(0.8)
  expect(held(false) / (count - frauds)).toBeLessThan(0.001)
})

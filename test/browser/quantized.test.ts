import { describe, expect, inject, test } from 'vitest'
import { commands } from 'vitest/browser'
import { SpillwayError, type TensorData } from '../../models/index.ts'
import { startWorkerLane } from '../../workers/browser/start.ts'
import { systemClock } from '../../workers/clock.ts'

const mnist = inject('mnist')
const absent = 'absent' in mnist ? mnist.absent : undefined

/** What a rounding that falls on the other side may make of the largest answer. */
const tolerance = { wasm: 0.02, webgpu: 0.02 }

describe.skipIf(absent)(`published models, quantized${absent ? ` (skipped: ${absent})` : ''}`, () => {
  test.each([
    ['digits', 'wasm'],
    ['digits', 'webgpu'],
    ['mnist', 'wasm'],
    ['mnist', 'webgpu'],
    ['mnist-mlp', 'wasm'],
    ['mnist-mlp', 'webgpu'],
    ['magika', 'wasm'],
    ['magika', 'webgpu'],
  ] as const)('%s answers on %s as it does on the server', { timeout: 180_000 }, async (name, backend) => {
    const { graph, inputs, outputs, sample, answers } = await commands.makeQuantized(name, backend)
    const bytes = Uint8Array.from(atob(graph), (letter) => letter.charCodeAt(0))
    const lane = startWorkerLane('test', systemClock)
    await lane.start({ threads: 1 })
    await lane.load({
      session: name,
      backend,
      source: { from: 'bytes', graph: bytes.buffer, external: [] },
      inputs,
      outputs,
      batchAxis: 0,
    })
    const data: TensorData =
      sample.type === 'int32' ? Int32Array.from(sample.data) : Float32Array.from(sample.data)
    const ran = await lane.run({
      session: name,
      inputs: { [sample.name]: { type: sample.type, shape: sample.shape, data } },
    })
    lane.kill(new SpillwayError('closed', 'Done'))
    for (const [output, expected] of Object.entries(answers)) {
      const got = Array.from<number | bigint, number>(ran.outputs[output]?.data ?? [], Number)
      expect(got).toHaveLength(expected.length)
      const largest = Math.max(1, ...expected.map(Math.abs))
      const difference = Math.max(...got.map((value, index) => Math.abs(value - (expected[index] ?? 0))))
      expect(difference / largest, output).toBeLessThanOrEqual(tolerance[backend])
    }
  })
})

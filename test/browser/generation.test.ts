import { describe, expect, inject, test } from 'vitest'
import { systemClock } from '../../models/async/clock.ts'
import { SpillwayError, type Tensor } from '../../models/core/index.ts'
import { startWorkerLane } from '../../workers/host/lane-client/browser/start-worker-lane.ts'
import { bytesOf, generationContract } from '../contract/generation.ts'

const stories = inject('stories')
const start = () => startWorkerLane('test', systemClock)

generationContract('A Web Worker', { start, backends: ['wasm', 'webgpu'], stories })

const absent = 'absent' in stories ? ` (skipped: ${stories.absent})` : ''
describe.skipIf(absent)(`stories260k in float32${absent}`, () => {
  test.each(['wasm', 'webgpu'] as const)('gives the logits of the reference on %s', async (backend) => {
    if ('absent' in stories) return
    const { manifest, reference, graph } = stories
    const ids = reference.tokens.slice(0, reference.logits.length)
    const integers = (data: BigInt64Array): Tensor => ({ type: 'int64', shape: [1, ids.length], data })
    const { layers = 0, heads = 0, headDim = 0 } = manifest.generation?.kv ?? {}
    const pasts = Array.from({ length: layers }, (_, layer) =>
      ['key', 'value'].map((half) => `past_key_values.${layer}.${half}`),
    ).flat()
    const none = (): Tensor => ({ type: 'float32', shape: [1, heads, 0, headDim], data: new Float32Array(0) })
    const lane = start()
    try {
      await lane.start({ threads: 1 })
      await lane.load({
        session: 'stories',
        backend,
        source: { from: 'bytes', graph: bytesOf(graph), external: [] },
        inputs: [
          ...manifest.inputs,
          ...pasts.map((name) => ({ name, type: 'float32' as const, shape: [-1, heads, -1, headDim] })),
        ],
        outputs: manifest.outputs,
        batchAxis: 0,
      })
      const { outputs } = await lane.run({
        session: 'stories',
        inputs: {
          input_ids: integers(BigInt64Array.from(ids, BigInt)),
          attention_mask: integers(new BigInt64Array(ids.length).fill(1n)),
          ...Object.fromEntries(pasts.map((name) => [name, none()])),
        },
      })
      expect(outputs.logits?.shape).toEqual([1, 16, 512])
      const expected = reference.logits.flat()
      const got = Array.from<unknown, number>(outputs.logits?.data ?? [], Number)
      const differences = got.map((one, index) => Math.abs(one - (expected[index] ?? Number.NaN)))
      expect(Math.max(...differences)).toBeLessThan(1e-3)
    } finally {
      lane.kill(new SpillwayError('closed', 'Done'))
    }
  })
})

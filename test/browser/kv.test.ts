import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { runtimeFiles } from '../../workers/host/lane-client/browser/runtime-files.ts'
import { loadOrt } from '../../workers/lane/browser/load-ort.ts'
import { DecoderGraph } from '../../workers/lane/kv/decoder-graph.ts'
import { GatheredKv } from '../../workers/lane/kv/gathered-kv.ts'
import { InPlaceKv } from '../../workers/lane/kv/in-place-kv.ts'
import type { Ort, OrtSession, TensorMemory } from '../../workers/lane/runtime/ort.ts'
import { kvContract } from '../contract/kv.ts'
import { bytesOf } from '../contract/token-requests.ts'

const stories = inject('stories')
const absent = 'absent' in stories ? stories.absent : undefined

describe.skipIf(absent)(`Keys and values in WebAssembly${absent ? `: ${absent}` : ''}`, () => {
  if ('absent' in stories) return
  const { generation } = stories.manifest
  if (!generation) throw new Error('no language model')
  const spec = { ...generation.kv, type: 'float32' as const }
  const shape = { slots: 2, capacity: 64 }
  const { tokens, logits } = stories.reference
  let ort: Ort
  let session: OrtSession
  let memory: TensorMemory | undefined
  beforeAll(async () => {
    ort = await loadOrt({ threads: 1 }, runtimeFiles())
    const options = await ort.sessionOptions('wasm')
    session = await ort.InferenceSession.create(new Uint8Array(bytesOf(stories.graph)), options)
    memory = await ort.memory('wasm', session)
  })
  afterAll(() => session.release())

  describe('in its heap', () => {
    const inHeap = () => {
      if (!memory?.session)
        throw new Error('The module of this version of onnxruntime-web cannot be captured')
      const graph = new DecoderGraph(ort, memory.session, spec.layers, generation.vocabulary, {
        writesLogits: memory.writesOutputs,
      })
      return { memory, graph }
    }
    kvContract({
      open: async () => {
        const { graph, memory } = inHeap()
        return new InPlaceKv(graph, memory, spec, shape)
      },
      canTruncate: true,
      tokens,
      logits,
    })

    test('a run that fails gives the reason, and the next run succeeds', async () => {
      const { graph, memory } = inHeap()
      const kv = new InPlaceKv(graph, memory, spec, shape)
      await expect(kv.prefill(0, [generation.vocabulary + 1], 'all')).rejects.toThrow(
        /indices element out of/,
      )
      const rows = await kv.decode([{ slot: 0, token: tokens[0] ?? 0 }], 'all')
      expect(rows[0]?.values[0]).toBeCloseTo(logits[0]?.[0] ?? Number.NaN, 3)
      kv.dispose()
    })

    test('freed memory can be allocated again, and an allocation past 4 GiB is refused', () => {
      const { memory } = inHeap()
      for (let time = 0; time < 3; time++) {
        const block = memory.allocate(2 ** 24)
        memory.tensor(block, 0, 'float32', [1, 8])
        block.free()
      }
      expect(() => memory.allocate(2 ** 32 + 8)).toThrow(/out of memory/)
    })
  })

  describe('gathered, where the runtime’s module cannot be captured', () => {
    kvContract({
      open: async () =>
        new GatheredKv(new DecoderGraph(ort, session, spec.layers, generation.vocabulary), ort, spec, shape),
      canTruncate: true,
      tokens,
      logits,
    })
  })
})

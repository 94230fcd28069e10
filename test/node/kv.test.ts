import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { SpillwayError } from '../../models/core/index.ts'
import { bytesPerToken, type KvSpec } from '../../models/core/kv-spec.ts'
import { createDecoder } from '../../workers/lane/decode/create-decoder.ts'
import { DecoderGraph } from '../../workers/lane/kv/decoder-graph.ts'
import { GatheredKv } from '../../workers/lane/kv/gathered-kv.ts'
import { InPlaceKv } from '../../workers/lane/kv/in-place-kv.ts'
import type { Kv, KvShape } from '../../workers/lane/kv/kv.ts'
import { PagedGraph } from '../../workers/lane/kv/paged/paged-graph.ts'
import { blockSize, PagedKv } from '../../workers/lane/kv/paged/paged-kv.ts'
import { PerSequenceKv } from '../../workers/lane/kv/per-sequence-kv.ts'
import { arrayMemory } from '../../workers/lane/node/array-kv-memory.ts'
import { loadOrt } from '../../workers/lane/node/load-ort.ts'
import type { DecoderSession, Ort, OrtSession, TensorMemory } from '../../workers/lane/runtime/ort.ts'
import { kvContract } from '../contract/kv.ts'
import { pagedDecoderContract } from '../contract/paged-decoder.ts'
import { bytesOf } from '../contract/token-requests.ts'
import { pagedSession } from '../support/paged-session.ts'

const stories = inject('stories')
const absent = 'absent' in stories ? stories.absent : undefined

describe.skipIf(absent)(`Keys and values${absent ? `: ${absent}` : ''}`, () => {
  if ('absent' in stories) return
  const { generation } = stories.manifest
  if (!generation) throw new Error('no language model')
  const spec: KvSpec = { ...generation.kv, type: 'float32' }
  const shape: KvShape = { slots: 2, capacity: 64 }
  let ort: Ort
  let session: OrtSession
  let graph: DecoderGraph
  /** As the in-place ones have it. */
  let writing: DecoderGraph
  let paged: PagedGraph
  beforeAll(async () => {
    ort = await loadOrt({ threads: 1 })
    const options = await ort.sessionOptions('cpu')
    session = await ort.InferenceSession.create(new Uint8Array(bytesOf(stories.graph)), options)
    graph = new DecoderGraph(ort, session, spec.layers, generation.vocabulary)
    const { session: running, writesOutputs } = arrayMemory(ort.createTensor, session)
    writing = new DecoderGraph(ort, running, spec.layers, generation.vocabulary, {
      writesLogits: writesOutputs,
    })
    paged = new PagedGraph(ort, pagedSession(session, ort, spec), spec.layers, generation.vocabulary)
  })
  afterAll(() => session.release())

  /** Like a GPU's buffers: no tensor begins inside a block. */
  const withoutOffsets = (memory: TensorMemory): TensorMemory => ({ ...memory, hasOffsets: false })

  /** Like memory that was used before: a position that is read unwritten makes the logits NaN. */
  const used = (memory: TensorMemory): TensorMemory => ({
    ...memory,
    allocate: (bytes) => {
      const block = memory.allocate(bytes)
      const { data } = memory.tensor(block, 0, 'float32', [bytes / 4])
      if (data instanceof Float32Array) data.fill(Number.NaN)
      return block
    },
  })

  test('in place, steps write their logits into the same memory, whatever ran between them', async () => {
    const memory = arrayMemory(ort.createTensor, session)
    const graph = new DecoderGraph(ort, memory.session, spec.layers, generation.vocabulary, {
      writesLogits: memory.writesOutputs,
    })
    const kv = new InPlaceKv(graph, memory, spec, shape)
    const step = async () => (await kv.decode([{ slot: 0, token: 1 }], 'all'))[0]?.values.buffer
    // The first run shows the shape.
    const [first, second, third] = [await step(), await step(), await step()]
    expect([second === first, third === second]).toEqual([false, true])
    // More logits take more memory, which the next steps have as well.
    await kv.prefillEach(0, [1, 2, 3])
    const [each] = await kv.prefillEach(0, [1, 2, 3])
    expect([await step(), await step()]).toEqual([each?.values.buffer, each?.values.buffer])
    expect(each?.values.buffer).not.toBe(third)
    kv.dispose()
  })

  describe.each<[string, boolean, () => Kv]>([
    ['in place', true, () => new InPlaceKv(writing, arrayMemory(ort.createTensor, session), spec, shape)],
    [
      'in place, without offsets',
      true,
      () => new InPlaceKv(writing, withoutOffsets(arrayMemory(ort.createTensor, session)), spec, shape),
    ],
    [
      'in place, in used memory',
      true,
      () => new InPlaceKv(writing, used(arrayMemory(ort.createTensor, session)), spec, shape),
    ],
    ['gathered', true, () => new GatheredKv(graph, ort, spec, shape)],
    [
      'paged, in used memory',
      true,
      () => new PagedKv(paged, used(withoutOffsets(arrayMemory(ort.createTensor, session))), spec, shape),
    ],
    ['per sequence', false, () => new PerSequenceKv(graph, ort, spec, shape)],
  ])('%s', (_name, canTruncate, create) => {
    kvContract({
      open: async () => create(),
      canTruncate,
      tokens: stories.reference.tokens,
      logits: stories.reference.logits,
    })
  })

  test('a pool takes what it needs, where it can neither grow by that nor give up so much', async () => {
    const kv = new PagedKv(paged, withoutOffsets(arrayMemory(ort.createTensor, session)), spec, shape)
    kv.limit(kv.bytes({ slots: 1, capacity: 20 * blockSize }))
    const text = Array.from({ length: 13 * blockSize }, (_, at) => 3 + (at % 200))
    await kv.prefill(0, text)
    kv.remember(0, text)
    kv.truncate(0, 0)
    expect(kv.pool).toMatchObject({ blocks: 16, available: 16 })
    // Three are empty, and thirteen hold what another may want.
    expect(kv.mayHaveBlocks(18)).toBe(true)
    expect(kv.reserve(1, 18 * blockSize)).toBe(true)
    expect(kv.pool).toMatchObject({ blocks: 18, available: 0 })
    expect([kv.mayHaveBlocks(3), kv.reserve(0, 3 * blockSize)]).toEqual([false, false])
    kv.dispose()
  })

  test('a prompt is read in runs of no more tokens than attention may have memory for', async () => {
    const memory = arrayMemory(ort.createTensor, session)
    const sizes: number[] = []
    const counted: DecoderSession = {
      ...memory.session,
      run: (feeds, ...more) => {
        sizes.push(feeds.input_ids?.dims[1] ?? 0)
        return memory.session.run(feeds, ...more)
      },
    }
    const limited: Ort = {
      ...ort,
      memory: async () => ({ ...memory, session: counted, mostScores: 4 * 256 }),
    }
    const [one] = stories.cases
    if (!one) throw new Error('There are no texts')
    const decoder = await createDecoder(
      limited,
      session,
      'cpu',
      { spec: generation, kvType: 'float32', slots: 1, maxSlots: 1, maxBytes: 2 ** 24, isExact: false },
      (work) => work(),
      async () => undefined,
    )
    sizes.length = 0
    const sampling = { temperature: 0 }
    const prompt = [...one.prompt, ...one.tokens.slice(0, 20)]
    const request = { prompt, generated: 0, maxTokens: 4, stopTokens: [], sampling }
    decoder.add([{ id: 0, request }])
    const tokens: number[] = []
    for (let isOver = false; !isOver; ) {
      for (const event of (await decoder.takeEvents()).events) {
        tokens.push(...event.tokens.map(({ token }) => token))
        isOver = (event.finish ?? event.error) !== undefined
      }
    }
    decoder.close(new SpillwayError('lane_lost', 'The test is over'))
    expect(tokens).toEqual(one.tokens.slice(20, 24))
    expect(Math.max(...sizes)).toBe(4)
  })

  describe('A decoder whose keys and values are in blocks', () => {
    pagedDecoderContract({
      open: (tokens) => {
        const memory = withoutOffsets(arrayMemory(ort.createTensor, session))
        const halves = { ...spec, type: 'float16' as const }
        const gpu: Ort = {
          ...ort,
          memory: async () => ({ ...memory, session: pagedSession(session, ort, halves) }),
        }
        const setup = {
          spec: generation,
          kvType: halves.type,
          slots: 16,
          maxSlots: 16,
          maxBytes: tokens * bytesPerToken(halves),
          isExact: true,
        }
        return createDecoder(
          gpu,
          session,
          'webgpu',
          setup,
          (work) => work(),
          async () => undefined,
        )
      },
      cases: stories.cases,
    })
  })
})

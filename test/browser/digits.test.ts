import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { systemClock } from '../../models/async/clock.ts'
import halvesUrl from '../../models/catalogue/digits/fp16/model.onnx?url'
import floatsUrl from '../../models/catalogue/digits/fp32/model.onnx?url'
import manifest from '../../models/catalogue/digits/manifest.json'
import bytesUrl from '../../models/catalogue/digits/q8/model.onnx?url'
import {
  type Backend,
  defaultTolerance,
  parseManifest,
  SpillwayError,
  type Tensor,
} from '../../models/core/index.ts'
import { createRuntime, type Runtime } from '../../web/api/index.ts'
import { startWorkerLane } from '../../workers/host/lane-client/browser/start-worker-lane.ts'
import type { Lane } from '../../workers/host/lane-client/lane.ts'
import heldOutUrl from '../data/digits-heldout.bin.gz?url'

const digits = parseManifest(manifest, 'the catalogue')
const mnist = inject('mnist')

interface Examples {
  readonly images: Tensor
  readonly labels: Uint8Array
}

let heldOut: Examples
beforeAll(async () => {
  heldOut = await readHeldOut()
})

/** As test/data/digits-heldout.md describes it. */
async function readHeldOut(): Promise<Examples> {
  const response = await fetch(heldOutUrl)
  const bytes = new Uint8Array(await response.arrayBuffer())
  // Some servers unpack .gz on the way: gzip's own first bytes tell.
  const packed = bytes[0] === 0x1f && bytes[1] === 0x8b
  const unpacked = packed
    ? await new Response(
        new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip')),
      ).arrayBuffer()
    : bytes.buffer
  const count = new DataView(unpacked).getUint32(0, true)
  const labels = new Uint8Array(unpacked, 4, count)
  const pixels = new Uint8Array(unpacked, 4 + count, count * 784)
  const data = Float32Array.from(pixels, (value) => value / 255)
  return { labels, images: { type: 'float32', data, shape: [count, 1, 28, 28] } }
}

async function readPicture(base64: string): Promise<Float32Array> {
  const bitmap = await createImageBitmap(await (await fetch(`data:image/jpeg;base64,${base64}`)).blob())
  const context = new OffscreenCanvas(28, 28).getContext('2d') ?? expect.fail('no canvas')
  context.drawImage(bitmap, 0, 0)
  const { data } = context.getImageData(0, 0, 28, 28)
  return Float32Array.from({ length: 784 }, (_, index) => (data[index * 4] ?? 0) / 255)
}

const rowsOf = (logits: ArrayLike<number>) =>
  Array.from({ length: logits.length / 10 }, (_, row) =>
    Array.from({ length: 10 }, (_, label) => logits[row * 10 + label] ?? 0),
  )

const read = (logits: ArrayLike<number>) => rowsOf(logits).map((row) => row.indexOf(Math.max(...row)))

const numbers = (tensor: Tensor | undefined) =>
  Float64Array.from(Array.from<unknown, number>(tensor?.data ?? [], Number))

/** A lane for all models of a backend: each starts a runtime. */
const lanes = new Map<Backend, Lane>()
afterAll(() => {
  for (const lane of lanes.values()) lane.kill(new SpillwayError('closed', 'Done'))
})

async function laneFor(backend: Backend): Promise<Lane> {
  const started = lanes.get(backend)
  if (started) return started
  const lane = startWorkerLane('test', systemClock)
  lanes.set(backend, lane)
  await lane.start({ threads: 1 })
  return lane
}

async function onLane(graphUrl: string, backend: Backend, images: Tensor): Promise<Float64Array> {
  const lane = await laneFor(backend)
  const graph = await (await fetch(graphUrl)).arrayBuffer()
  await lane.load({
    session: graphUrl,
    backend,
    source: { from: 'bytes', graph, external: [] },
    inputs: digits.inputs,
    outputs: digits.outputs,
    batchAxis: 0,
  })
  const { outputs } = await lane.run({
    session: graphUrl,
    inputs: { image: { ...images, data: images.data.slice() } },
  })
  return numbers(outputs.logits)
}

describe.each(['device', 'server'] as const)('digits, policy %s', (policy) => {
  let runtime: Runtime
  beforeAll(async () => {
    runtime = await createRuntime({ server: inject('serverUrl'), policy })
  })
  afterAll(() => runtime.close())

  test('reads at least 97% of the held-out digits', async () => {
    const model = await runtime.model('digits')
    const { outputs, placement } = await model.run({ image: heldOut.images })
    expect(placement.tier).toBe(policy)
    const answers = read(numbers(outputs.logits))
    const right = answers.filter((answer, index) => answer === heldOut.labels[index]).length
    expect(heldOut.labels.length).toBeGreaterThanOrEqual(500)
    expect(right / heldOut.labels.length).toBeGreaterThanOrEqual(0.97)
  })

  const title = `reads the four MNIST pictures${'absent' in mnist ? ` (skipped: ${mnist.absent})` : ''}`
  test.skipIf('absent' in mnist)(title, async () => {
    const pictures = 'pictures' in mnist ? mnist.pictures : {}
    const model = await runtime.model('digits')
    const answers: Record<string, number | undefined> = {}
    for (const [digit, base64] of Object.entries(pictures)) {
      const { outputs } = await model.run({ image: await readPicture(base64) })
      answers[digit] = read(numbers(outputs.logits))[0]
    }
    expect(answers).toEqual({ 0: 0, 3: 3, 5: 5, 7: 7 })
  })
})

test('a variant gives the same logits wherever it runs', { timeout: 120_000 }, async () => {
  const count = 16
  const images: Tensor = {
    ...heldOut.images,
    data: heldOut.images.data.slice(0, count * 784),
    shape: [count, 1, 28, 28],
  }
  const runtime = await createRuntime({ server: inject('serverUrl'), policy: 'server' })
  const served = await (await runtime.model('digits')).run({ image: images })
  expect(served.placement).toMatchObject({ tier: 'server', backend: 'cpu', variant: 'q8' })
  runtime.close()
  const onServer = numbers(served.outputs.logits)
  expect(onServer).toHaveLength(count * 10)
  const far = (one: Float64Array, other: Float64Array) =>
    Math.max(...one.map((value, index) => Math.abs(value - (other[index] ?? Number.NaN))))
  expect(far(await onLane(bytesUrl, 'wasm', images), onServer)).toBeLessThanOrEqual(
    digits.tolerance ?? defaultTolerance,
  )
  for (const graphUrl of [floatsUrl, halvesUrl]) {
    const [wasm, webgpu] = [await onLane(graphUrl, 'wasm', images), await onLane(graphUrl, 'webgpu', images)]
    expect(far(webgpu, wasm), graphUrl).toBeLessThanOrEqual(0.001)
  }
})

test('every variant reads the held-out digits as well as the largest', async () => {
  const right = (logits: Float64Array) =>
    read(logits).filter((answer, index) => answer === heldOut.labels[index]).length
  const shares = new Map<string, number>()
  for (const [variant, graphUrl] of Object.entries({ fp32: floatsUrl, fp16: halvesUrl, q8: bytesUrl })) {
    shares.set(variant, right(await onLane(graphUrl, 'wasm', heldOut.images)))
  }
  const most = shares.get('fp32') ?? 0
  expect(most / heldOut.labels.length).toBeGreaterThanOrEqual(0.99)
  for (const [variant, count] of shares) expect(count, variant).toBeGreaterThanOrEqual(most - 2)
})

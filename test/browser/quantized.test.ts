import { afterAll, describe, expect, inject, test } from 'vitest'
import { commands } from 'vitest/browser'
import { systemClock } from '../../models/async/clock.ts'
import { SpillwayError, type Tensor } from '../../models/core/index.ts'
import { facesIn, overlap } from '../../web/app/vision/faces/boxes.ts'
import { drawClip } from '../../web/app/vision/faces/clip.ts'
import { toPlanes } from '../../web/app/vision/faces/detector.ts'
import { recordedFaces } from '../../web/app/vision/faces/recorded.ts'
import { contextOf } from '../../web/drawing/ink.ts'
import { startWorkerLane } from '../../workers/host/lane-client/browser/start-worker-lane.ts'
import type { Lane } from '../../workers/host/lane-client/lane.ts'
import type { Answers, QuantizedModel } from '../support/make-quantized.ts'

const mnist = inject('mnist')
const absent = 'absent' in mnist ? mnist.absent : undefined

/** What a rounding that falls on the other side may make of the largest answer. */
const tolerance = { wasm: 0.02, webgpu: 0.02 }

type Sample = QuantizedModel['samples'][number]

type GpuOrNot = keyof typeof tolerance

const lanes = new Map<GpuOrNot, Promise<Lane>>()

/** A lane for all models of a backend: each starts a runtime. */
function laneFor(backend: GpuOrNot): Promise<Lane> {
  const start = async () => {
    const lane = startWorkerLane('test', systemClock)
    await lane.start({ threads: 1 })
    return lane
  }
  const lane = lanes.get(backend) ?? start()
  lanes.set(backend, lane)
  return lane
}
afterAll(async () => {
  for (const lane of lanes.values()) (await lane).kill(new SpillwayError('closed', 'Done'))
})

/** What a lane of this browser answers to some of the samples. */
async function answersHere(
  { graph, inputs, outputs }: QuantizedModel,
  backend: GpuOrNot,
  samples: readonly Sample[],
): Promise<Record<string, Tensor>[]> {
  const bytes = Uint8Array.from(atob(graph), (letter) => letter.charCodeAt(0))
  const lane = await laneFor(backend)
  await lane.load({
    session: 'quantized',
    backend,
    source: { from: 'bytes', graph: bytes.buffer, external: [] },
    inputs,
    outputs,
    batchAxis: 0,
  })
  const all: Record<string, Tensor>[] = []
  for (const { name, type, shape, data: numbers } of samples) {
    const data = type === 'int32' ? Int32Array.from(numbers) : Float32Array.from(numbers)
    const ran = await lane.run({ session: 'quantized', inputs: { [name]: { type, shape, data } } })
    all.push(ran.outputs)
  }
  return all
}

function expectClose(got: Readonly<Record<string, Tensor>>, expected: Answers, within: number): void {
  for (const [output, numbers] of Object.entries(expected)) {
    const here = Array.from<unknown, number>(got[output]?.data ?? [], Number)
    expect(here).toHaveLength(numbers.length)
    const largest = Math.max(1, ...numbers.map(Math.abs))
    const difference = Math.max(...here.map((value, index) => Math.abs(value - (numbers[index] ?? 0))))
    expect(difference / largest, output).toBeLessThanOrEqual(within)
  }
}

const facesOf = ({ scores, boxes }: Answers, least: number) =>
  facesIn({ scores: tensorOf(scores), boxes: tensorOf(boxes) }, least)

const tensorOf = (numbers: readonly number[] = []): Tensor => ({
  type: 'float32',
  shape: [numbers.length],
  data: Float32Array.from(numbers),
})

/** How many faces are found in each of the first streams of the clip; of the first they are those that the page has recorded. */
async function facesOfClip(model: QuantizedModel, least: number): Promise<number[]> {
  const [sample] = model.samples
  if (!sample) throw new Error('There is no sample')
  const canvas = Object.assign(document.createElement('canvas'), { width: 320, height: 240 })
  const context = contextOf(canvas, { willReadFrequently: true })
  const frames = Array.from({ length: 6 }, (_, stream) => {
    drawClip(context, stream, stream / 2)
    return { ...sample, data: [...toPlanes(context.getImageData(0, 0, 320, 240).data)] }
  })
  const found = (await answersHere(model, 'wasm', frames)).map((outputs) => facesIn(outputs, least))
  for (const face of recordedFaces)
    expect(Math.max(...(found[0] ?? []).map((other) => overlap(face, other)))).toBeGreaterThan(0.8)
  return found.map(({ length }) => length)
}

describe.skipIf(absent)(`published models, quantized${absent ? ` (skipped: ${absent})` : ''}`, () => {
  test.each([
    ['digits', 'wasm'],
    ['digits', 'webgpu'],
    ['mnist', 'wasm'],
    ['mnist', 'webgpu'],
    ['mnist-mlp', 'wasm'],
    ['mnist-mlp', 'webgpu'],
    // Not on a software GPU, where it takes 40 s: UltraFace is the large model there.
    ['magika', 'wasm'],
  ] as const)('%s answers on %s as it does on the server', { timeout: 180_000 }, async (name, backend) => {
    const model = await commands.makeQuantized(name, backend)
    const [got = {}] = await answersHere(model, backend, model.samples)
    expectClose(got, model.samples[0]?.answers ?? {}, tolerance[backend])
  })

  test('UltraFace in int8 finds the same faces on wasm, and the people that the page of faces draws', {
    timeout: 180_000,
  }, async () => {
    const model = await commands.makeQuantized('ultraface', 'wasm')
    const least = 0.7
    const counts: number[] = []
    for (const [index, got] of (await answersHere(model, 'wasm', model.samples)).entries()) {
      const right = facesOf(model.samples[index]?.fullAnswers ?? {}, least)
      counts.push(right.length)
      // A face that is barely sure may fall on the other side of the limit, and is looked for there as well.
      const near = facesIn(got, least - 0.05)
      for (const face of right)
        expect(Math.max(...near.map((other) => overlap(face, other)))).toBeGreaterThanOrEqual(0.8)
      expect(Math.abs(facesIn(got, least).length - right.length)).toBeLessThanOrEqual(1)
    }
    expect(counts[0]).toBe(4)
    expect(counts[1]).toBeGreaterThan(40)
    expect(await facesOfClip(model, least)).toEqual([3, 4, 2, 3, 4, 2])
  })

  test('UltraFace with weights of 8 bits answers on webgpu as the full one', {
    timeout: 180_000,
  }, async () => {
    const model = await commands.makeQuantized('ultraface', 'webgpu')
    const [photo] = model.samples
    if (!photo) throw new Error('There is no photo')
    // A lane warms up only where the sizes are known: here, that would be a second run of many seconds.
    const inputs = model.inputs.map((input) => ({ ...input, shape: [-1, 3, -1, -1] }))
    const [got = {}] = await answersHere({ ...model, inputs }, 'webgpu', [photo])
    expectClose(got, photo.answers, 0.005)
    expectClose(got, photo.fullAnswers, 0.04)
    expect(facesIn(got, 0.7)).toHaveLength(4)
  })
})

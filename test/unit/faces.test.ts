import { describe, expect, test } from 'vitest'
import { SpillwayError } from '../../models/core/index.ts'
import { type Face, facesIn, overlap } from '../../web/app/vision/faces/boxes.ts'
import { detectorSpec, toPlanes } from '../../web/app/vision/faces/detector.ts'
import { type Detection, FrameStream } from '../../web/app/vision/faces/frame-stream.ts'
import { Pace } from '../../web/app/vision/faces/pace.ts'
import { type Deferred, deferred } from '../support/deferred.ts'
import { digitsManifest } from '../support/test-models.ts'

const nothing: Detection = { faces: [], tier: 'device' }

/** A stream whose source and detector the test moves by hand. */
function createStream() {
  const state = { newest: -1, now: 0, seen: [] as number[], waiting: [] as Deferred<Detection>[] }
  const errors: string[] = []
  const found: Detection[] = []
  const stream = new FrameStream({
    newest: () => state.newest,
    capture: () => {
      state.seen.push(state.newest)
      return new Float32Array(1)
    },
    detect: () => {
      const answer = deferred<Detection>()
      state.waiting.push(answer)
      return answer.promise
    },
    found: (detection) => found.push(detection),
    failed: ({ code }) => errors.push(code),
    now: () => state.now,
  })
  const tickAt = (newest: number, now = state.now) => {
    Object.assign(state, { newest, now })
    stream.tick()
  }
  const answer = async (detection = nothing) => {
    state.waiting.shift()?.resolve(detection)
    await new Promise((resolve) => setTimeout(resolve))
  }
  const fail = async (error: SpillwayError) => {
    state.waiting.shift()?.reject(error)
    await new Promise((resolve) => setTimeout(resolve))
  }
  return { stream, state, errors, found, tickAt, answer, fail }
}

describe('a stream of frames', () => {
  test('has one frame in flight, then takes the newest and counts those between as dropped', async () => {
    const { stream, state, tickAt, answer, found } = createStream()
    tickAt(-1)
    tickAt(0)
    for (const frame of [1, 2, 3, 4]) tickAt(frame)
    expect([state.seen, state.waiting.length, stream.dropped]).toEqual([[0], 1, 0])
    await answer()
    tickAt(4)
    expect([state.seen, stream.dropped]).toEqual([[0, 4], 3])
    await answer({ ...nothing, tier: 'server' })
    // The same frame is not read twice.
    tickAt(4)
    expect([state.seen, stream.answered, found.length]).toEqual([[0, 4], { device: 1, server: 1 }, 2])
  })

  test('does not count what came while nobody looked, and looks once more where it is told to', async () => {
    const { stream, state, tickAt, answer } = createStream()
    tickAt(0)
    await answer()
    state.newest = 1_000
    stream.skip()
    tickAt(1_000)
    await answer()
    expect([state.seen, stream.dropped]).toEqual([[0, 1_000], 0])
    stream.again()
    tickAt(1_000)
    expect(state.seen).toEqual([0, 1_000, 1_000])
  })

  test('waits after a failure, as long as the server says, and tries a picture again', async () => {
    const { stream, state, errors, tickAt, answer, fail } = createStream()
    tickAt(0)
    await fail(new SpillwayError('overloaded', 'Too much', { retryAfterMs: 3_000 }))
    expect([errors, stream.dropped]).toEqual([['overloaded'], 1])
    tickAt(0, 2_999)
    expect(state.seen).toEqual([0])
    tickAt(0, 3_000)
    expect(state.seen).toEqual([0, 0])
    await answer()
    expect(stream.answered.device).toBe(1)
  })

  test('shows and reports nothing once it is closed', async () => {
    const { stream, state, errors, found, tickAt, answer, fail } = createStream()
    tickAt(0)
    stream.close()
    await fail(new SpillwayError('aborted', 'Closed'))
    tickAt(1)
    await answer()
    expect([state.seen, errors, found]).toEqual([[0], [], []])
  })
})

test('boxes of one face become the surest, others stay', () => {
  const at = (left: number, score: number): Face => ({
    left,
    top: 0.2,
    right: left + 0.2,
    bottom: 0.5,
    score,
  })
  const boxes = [at(0.1, 0.8), at(0.12, 0.95), at(0.6, 0.9), at(0.3, 0.4)]
  const outputs = {
    scores: { data: Float32Array.from(boxes.flatMap(({ score }) => [1 - score, score])) },
    boxes: {
      data: Float32Array.from(boxes.flatMap(({ left, top, right, bottom }) => [left, top, right, bottom])),
    },
  }
  const found = facesIn(outputs, 0.7)
  expect(found.map(({ left }) => left.toFixed(2))).toEqual(['0.12', '0.60'])
  expect(overlap(at(0.1, 1), at(0.1, 1))).toBeCloseTo(1)
  expect(overlap(at(0.1, 1), at(0.2, 1))).toBeCloseTo(1 / 3)
  expect(overlap(at(0.1, 1), at(0.5, 1))).toBe(0)
  expect(facesIn({}, 0.7)).toEqual([])
  expect(facesIn({ scores: { data: [Number.NaN, Number.NaN] as never }, boxes: outputs.boxes }, 0.7)).toEqual(
    [],
  )
})

test('a detector reads planes of red, green and blue; another model is none', () => {
  const planes = toPlanes(Uint8ClampedArray.from([127, 255, 0, 255, 191, 127, 63, 255]))
  expect([...planes]).toEqual([0, 0.5, 1, 0, -127 / 128, -0.5].map(Math.fround))
  const image = (shape: number[]) => [{ name: 'input', type: 'float32' as const, shape }]
  const outputs = ['scores', 'boxes'].map((name) => ({ name, type: 'float32' as const, shape: [1, -1, 4] }))
  const manifest = { ...digitsManifest, inputs: image([1, 3, 240, 320]), outputs }
  expect(detectorSpec(manifest)).toEqual({ input: 'input', width: 320, height: 240 })
  expect(detectorSpec({ ...manifest, inputs: image([-1, 3, 480, 640]) })).toMatchObject({ width: 640 })
  for (const shape of [[1, 3, -1, 320], [2, 3, 240, 320], [1, 1, 240, 320], []])
    expect(detectorSpec({ ...manifest, inputs: image(shape) })).toBeUndefined()
  expect(detectorSpec(digitsManifest)).toBeUndefined()
})

test('a pace is what came in the last two seconds', () => {
  const pace = new Pace()
  expect(pace.note(0, 0)).toBe(0)
  expect(pace.note(1_000, 30)).toBe(30)
  expect(pace.note(2_000, 60)).toBe(30)
  expect(pace.note(3_000, 60)).toBe(15)
  expect(pace.note(4_000, 60)).toBe(0)
})

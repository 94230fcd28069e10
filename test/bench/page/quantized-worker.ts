/** Two sessions of one worker that take turns, so that other load on the machine affects both. */
import * as ort from 'onnxruntime-web/jspi'
import mjs from 'onnxruntime-web/ort-wasm-simd-threaded.jspi.mjs?url'
import wasm from 'onnxruntime-web/ort-wasm-simd-threaded.jspi.wasm?url'
import type { RawInput } from './raw-worker.ts'
import { time } from './time.ts'

ort.env.wasm.wasmPaths = {
  mjs: new URL(mjs, import.meta.url).href,
  wasm: new URL(wasm, import.meta.url).href,
}
ort.env.wasm.numThreads = 1

/** One measurement repeats the run for at least so long: a worker's clock ticks in tenths of a millisecond. */
const minMs = 10

export interface Race {
  readonly full: string
  readonly small: string
  readonly input: RawInput
  readonly rounds: number
}

const load = async (model: string) =>
  ort.InferenceSession.create(new Uint8Array(await (await fetch(model)).arrayBuffer()), {
    executionProviders: ['wasm'],
  })

self.onmessage = async ({ data: { full, small, input, rounds } }: MessageEvent<Race>) => {
  const [theirs, ours] = [await load(full), await load(small)]
  const feeds = { [theirs.inputNames[0] ?? '']: new ort.Tensor(input.type, input.data, input.shape) }
  const runs = (session: ort.InferenceSession, count: number) =>
    time(async () => {
      for (let run = 0; run < count; run++) await session.run(feeds)
    })
  const warmUp = 5
  await runs(ours, warmUp)
  await runs(theirs, warmUp)
  const count = Math.max(1, Math.ceil((minMs * warmUp) / (await runs(theirs, warmUp))))
  const times: { ours: number[]; theirs: number[] } = { ours: [], theirs: [] }
  for (let round = 0; round < rounds; round++) {
    // The order alternates, so that neither side always finds the caches of the other.
    for (const mine of round % 2 === 0 ? [true, false] : [false, true]) {
      const ms = (await runs(mine ? ours : theirs, count)) / count
      times[mine ? 'ours' : 'theirs'].push(ms)
    }
  }
  self.postMessage(times)
}

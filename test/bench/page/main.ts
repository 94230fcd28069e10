import { createRuntime } from '../../../web/api/index.ts'
import { adapter, backend } from './backend.ts'
import { bridge, plainCall, preloadManifest, waitForModel } from './bridge.ts'
import { embed } from './embed.ts'
import { generation } from './generate.ts'
import { lanes } from './lanes.ts'
import { lookaheads } from './lookahead.ts'
import { mixing } from './mixed.ts'
import { neighbours } from './neighbours.ts'
import { ort } from './ort.ts'
import { padding } from './padding.ts'
import { peers } from './peers.ts'
import { pipelines, pipelinesAtOnce } from './pipelines.ts'
import { quantized } from './quantized.ts'
import { openRaw } from './raw.ts'
import { schemas } from './schema.ts'
import { speculations } from './speculate.ts'
import { spill } from './spill.ts'
import { storeDownload, storeLoad, storeLoadOnce, storePeers } from './store.ts'
import { streams } from './streams.ts'
import { base, takeTurns, takeTurnsWhenIdle } from './time.ts'

/** Many single-row calls at once, against a worker called one at a time, and against one hand-made batch. */
async function batching(rounds: number) {
  const count = 4_096
  const runtime = await createRuntime({ server: base, policy: 'device' })
  const model = await runtime.model('fraud')
  const file = model.manifest.variants[0]?.files[0]
  const raw = await openRaw(new URL(`models/fraud/${file?.path}`, base))
  const rows = Array.from({ length: count }, () =>
    Float32Array.from({ length: 5 }, () => Math.random() * 2 - 1),
  )
  const whole = Float32Array.from(rows.flatMap((row) => [...row]))
  const input = model.manifest.inputs[0]?.name ?? ''
  const output = model.manifest.outputs[0]?.name ?? ''

  const concurrent = () => Promise.all(rows.map((row) => model.run({ [input]: row })))
  const oneByOne = async () => {
    for (const row of rows) await raw.run(row, [1, 5])
  }
  const byHand = () => raw.run(whole, [count, 5])

  const expected = await byHand()
  const got = await concurrent()
  const difference = Math.max(
    ...got.map(({ outputs }, index) => Math.abs(Number(outputs[output]?.data[0]) - (expected[index] ?? 0))),
  )
  if (!(difference < 1e-5)) throw new Error(`The two sides differ by ${difference}`)

  // Both sides are warmed up: the figure is for a page that goes on.
  const many = await takeTurns({ concurrent, byHand }, { rounds: 3 * rounds, warmUp: 15 })
  // Timed apart: the garbage of thousands of messages would be collected in the other side's time.
  const few = await takeTurns({ oneByOne }, { rounds, warmUp: 1 })
  runtime.close()
  raw.close()
  return { concurrent: many.concurrent ?? [], byHand: many.byHand ?? [], oneByOne: few.oneByOne ?? [] }
}

/** A lone call from an idle page, against a bare message to a worker that runs the session. */
async function overhead(rounds: number) {
  const runtime = await createRuntime({ server: base, policy: 'device' })
  const model = await runtime.model('digits')
  const file = model.manifest.variants[0]?.files[0]
  const raw = await openRaw(new URL(`models/digits/${file?.path}`, base))
  const image = new Float32Array(784).fill(0.5)
  const times = await takeTurnsWhenIdle(
    () => model.run({ image }),
    () => raw.run(image, [1, 1, 28, 28]),
    rounds,
  )
  runtime.close()
  raw.close()
  return times
}

export const benches = {
  ...generation,
  streams,
  ...schemas,
  ...lookaheads,
  ...speculations,
  ...mixing,
  batching,
  overhead,
  embed,
  lanes,
  neighbours,
  ort,
  padding,
  peers,
  pipelines,
  pipelinesAtOnce,
  spill,
  bridge,
  plainCall,
  preloadManifest,
  waitForModel,
  quantized,
  backend,
  adapter,
  storeDownload,
  storeLoad,
  storeLoadOnce,
  storePeers,
}
export type PageBenches = typeof benches

declare global {
  interface Window {
    bench: PageBenches
  }
}
window.bench = benches

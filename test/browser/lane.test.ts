import { systemClock } from '../../models/async/clock.ts'
import graphUrl from '../../models/catalogue/digits/fp32/model.onnx?url'
import manifest from '../../models/catalogue/digits/manifest.json'
import { parseManifest } from '../../models/core/index.ts'
import { startWorkerLane } from '../../workers/host/lane-client/browser/start-worker-lane.ts'
import { laneContract } from '../contract/lane.ts'

const digits = parseManifest(manifest, 'the catalogue')
const graph = async () => (await fetch(graphUrl)).arrayBuffer()

laneContract('A Web Worker', {
  start: () => startWorkerLane('test', systemClock),
  manifest: digits,
  graph,
  backends: ['wasm', 'webgpu'],
  timeoutMs: 60_000,
})

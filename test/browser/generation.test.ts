import { inject } from 'vitest'
import { systemClock } from '../../models/async/clock.ts'
import { startWorkerLane } from '../../workers/host/lane-client/browser/start-worker-lane.ts'
import { generationContract } from '../contract/generation.ts'

generationContract('A Web Worker', {
  start: () => startWorkerLane('test', systemClock),
  backends: ['wasm', 'webgpu'],
  stories: inject('stories'),
})

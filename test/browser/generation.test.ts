import { inject } from 'vitest'
import { startWorkerLane } from '../../workers/browser/start.ts'
import { systemClock } from '../../workers/clock.ts'
import { generationContract } from '../contract/generation.ts'

generationContract('A Web Worker', {
  start: () => startWorkerLane('test', systemClock),
  backends: ['wasm', 'webgpu'],
  stories: inject('stories'),
})

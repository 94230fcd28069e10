import { inject } from 'vitest'
import { systemClock } from '../../models/async/clock.ts'
import { generationContract } from '../contract/generation.ts'
import { processLane } from '../support/process-lane.ts'

generationContract('A server process', {
  start: () => processLane(systemClock),
  backends: ['cpu'],
  stories: inject('stories'),
})

import { describe } from 'vitest'
import { cpuChooser } from '../../../workers/lane/sampling/cpu-chooser.ts'
import { createSampler } from '../../../workers/lane/sampling/sampler.ts'
import { chooserContract } from '../../contract/chooser.ts'

describe('The chooser on the CPU', () => {
  chooserContract({ open: async () => cpuChooser(createSampler) })
})

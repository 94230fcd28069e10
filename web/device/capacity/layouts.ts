import type { Backend } from '../../../models/core/index.ts'
import { type Layout, layoutsFor } from '../../../workers/host/pool/layout.ts'
import { laneThreads, memoryBudget } from './probe.ts'

/** More than so many lanes have not been seen to pay on a device: memory is what they share. */
const mostLanes = 8

/** Bytes that a lane should find: its runtime, and a model of some size. */
const laneBytes = 256 * 2 ** 20

/** The lanes that a backend may have here. A GPU has one, and a second only where it is measured to be faster. */
export function deviceLayouts(backend: Backend, maxLanes = mostLanes): Layout[] {
  const threads = laneThreads()
  if (backend === 'webgpu')
    return [
      { lanes: 1, threads },
      { lanes: 2, threads },
    ].slice(0, maxLanes)
  return layoutsFor({
    cores: navigator.hardwareConcurrency,
    maxThreads: threads,
    maxLanes: Math.min(mostLanes, maxLanes, Math.floor(memoryBudget() / laneBytes)),
  })
}

import type { Backend } from '../../models/core/index.ts'
import { type Layout, layoutsFor } from '../../workers/host/pool/lane-layout.ts'
import { laneThreads } from './capacity.ts'

/** More lanes were never measured to be faster on a device, and each takes its share of the memory. */
const maxDeviceLanes = 8

/** Bytes that each lane needs for its runtime and a model of moderate size. */
const laneBytes = 256 * 2 ** 20

/**
 * The numbers of lanes that a backend may have, with their threads. A GPU has one lane, and a second only where that is
 * measured to be faster.
 *
 * @param memoryBytes What models in lanes may take together.
 */
export function deviceLayouts(backend: Backend, memoryBytes: number, maxLanes = maxDeviceLanes): Layout[] {
  const threads = laneThreads()
  if (backend === 'webgpu')
    return [
      { lanes: 1, threads },
      { lanes: 2, threads },
    ].slice(0, maxLanes)
  return layoutsFor({
    cores: navigator.hardwareConcurrency,
    maxThreads: threads,
    maxLanes: Math.min(maxDeviceLanes, maxLanes, Math.floor(memoryBytes / laneBytes)),
  })
}

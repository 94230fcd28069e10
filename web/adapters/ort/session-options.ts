import type { InferenceSession } from 'onnxruntime-common'
import { type Backend, SpillwayError } from '../../../models/core/index.ts'
import type { GraphOptions } from '../../../workers/protocol/lane.ts'

type SessionOptions = InferenceSession.SessionOptions

/** The first provider decides, as the providers of ONNX Runtime are tried in order; without one it is WebAssembly. */
export function backendOf({ executionProviders: [first] = [] }: SessionOptions): Backend {
  return (typeof first === 'string' ? first : first?.name) === 'webgpu' ? 'webgpu' : 'wasm'
}

/** Of options, those that a lane's session takes. The others are about logs, profiles, files and a GPU of the page. */
const taken = [
  'graphOptimizationLevel',
  'executionMode',
  'enableCpuMemArena',
  'enableMemPattern',
  'freeDimensionOverrides',
  'extra',
] as const satisfies readonly (keyof GraphOptions & keyof SessionOptions)[]

/** @throws SpillwayError `not_supported` where outputs are to stay on the GPU, which is the lane's. */
export function graphOptionsOf(options: SessionOptions): GraphOptions {
  const { preferredOutputLocation: locations = 'cpu' } = options
  for (const location of typeof locations === 'string' ? [locations] : Object.values(locations))
    if (location !== 'cpu' && location !== 'cpu-pinned')
      throw new SpillwayError('not_supported', "A lane's outputs cannot stay on the page's GPU", {
        expected: 'preferredOutputLocation "cpu"',
        got: location,
        hint: 'Leave preferredOutputLocation out: outputs come in memory.',
      })
  return Object.fromEntries(
    taken.flatMap((name) => (options[name] === undefined ? [] : [[name, options[name]]])),
  )
}

import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import * as onnx from 'onnxruntime-node'
import { backends } from '../../../models/core/index.ts'
import type { StartRequest } from '../../protocol/lane.ts'
import type { Ort } from '../runtime/ort.ts'
import { arrayMemory } from './array-kv-memory.ts'

/**
 * Microseconds for which a session's threads spin in wait of work. Each session has threads of its own: by default, those
 * of many sessions spin for so long that they hold the cores from each other. Fifty small ones load in 0.2 s, not 4.1;
 * a small model's run takes as long as by default, and half as long again without any spinning.
 */
const spinUs = '1000'

/** ONNX Runtime in a server process. */
export async function loadOrt({ threads }: StartRequest): Promise<Ort> {
  const listed = onnx
    .listSupportedBackends()
    .filter(({ name, bundled }) => bundled || hasProviderLibrary(name))
  const createTensor: Ort['createTensor'] = (type, data, shape) =>
    new onnx.Tensor(type, data as onnx.Tensor.DataType, shape)
  return {
    version: onnx.env.versions.node ?? onnx.env.versions.common,
    backends: backends.filter((backend) => listed.some(({ name }) => name === backend)),
    InferenceSession: onnx.InferenceSession,
    createTensor,
    sessionOptions: async (backend) => ({
      executionProviders: [backend],
      graphOptimizationLevel: 'all',
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      extra: { session: { intra_op: { spin_duration_us: spinUs } } },
    }),
    readFile,
    memory: async (backend) => (backend === 'cpu' ? arrayMemory(createTensor) : undefined),
    lost: async () => undefined,
  }
}

/** The runtime lists CUDA on every platform that could have it; the package's install script fetches its libraries. */
function hasProviderLibrary(backend: string): boolean {
  const folder = dirname(createRequire(import.meta.url).resolve('onnxruntime-node/package.json'))
  const binaries = join(folder, 'bin', 'napi-v6', process.platform, process.arch)
  const names = [`libonnxruntime_providers_${backend}.so`, `onnxruntime_providers_${backend}.dll`]
  return names.some((name) => existsSync(join(binaries, name)))
}

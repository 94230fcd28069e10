import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import * as onnx from 'onnxruntime-node'
import { backends } from '../../../models/core/index.ts'
import type { LaneLost, StartRequest } from '../../protocol/lane.ts'
import { type Ort, quiet } from '../runtime/ort.ts'
import { webGpuProvider } from '../runtime/webgpu-provider.ts'
import { arrayMemory } from './array-kv-memory.ts'
import { createDecoderSession } from './create-decoder-session.ts'
import { deviceLoss } from './device-loss.ts'
import { GpuMemory, type MemorySessions } from './gpu-kv-memory.ts'
import { allocateGraph, copyGraph } from './gpu-memory-graphs.ts'
import { releaseTensors } from './release-tensors.ts'
import { startFormatWorker } from './start-format-worker.ts'

/**
 * Microseconds for which a session's threads spin in wait of work. Each session has threads of its own: by default, those
 * of many sessions spin for so long that they hold the cores from each other. Fifty small ones load in 0.2 s, not 4.1;
 * a small model's run takes as long as by default, and half as long again without any spinning.
 */
const spinUs = '1000'

/** ONNX Runtime in a server process. @param formatScript The script of the thread for formats of texts. Default: there are none. */
export async function loadOrt({ threads }: StartRequest, formatScript?: URL): Promise<Ort> {
  const listed = onnx
    .listSupportedBackends()
    .filter(({ name, bundled }) => bundled || hasProviderLibrary(name))
  const createTensor: Ort['createTensor'] = (type, data, shape) =>
    new onnx.Tensor(type, data as onnx.Tensor.DataType, shape)
  let memorySessions: Promise<MemorySessions | undefined> | undefined
  return {
    version: onnx.env.versions.node ?? onnx.env.versions.common,
    backends: backends.filter((backend) => listed.some(({ name }) => name === backend)),
    InferenceSession: onnx.InferenceSession,
    createTensor,
    release: releaseTensors,
    sessionOptions: async (backend) => ({
      executionProviders: [backend === 'webgpu' ? webGpuProvider : backend],
      graphOptimizationLevel: 'all',
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      extra: { session: { intra_op: { spin_duration_us: spinUs } } },
    }),
    readFile,
    createDecoderSession,
    ...(formatScript && { startFormatWorker: startFormatWorker(formatScript) }),
    memory: async (backend, session) => {
      if (backend === 'cpu') return arrayMemory(createTensor, session)
      if (backend !== 'webgpu') return undefined
      memorySessions ??= createMemorySessions()
      const sessions = await memorySessions
      return sessions && new GpuMemory(sessions, session, createTensor)
    },
    lost: async (cause) => {
      const loss = deviceLoss(cause)
      if (loss === undefined) return undefined
      const reason = `GPU device lost: ${loss}`
      // No run of this process will succeed any more: the host replaces it.
      process.send?.({ lane: 'lost', reason } satisfies LaneLost)
      return reason
    },
  }
}

/** Undefined where a kernel is missing on the GPU: keys and values then travel at each step. */
async function createMemorySessions(): Promise<MemorySessions | undefined> {
  const options = {
    ...quiet,
    executionProviders: [webGpuProvider],
    extra: { session: { disable_cpu_ep_fallback: '1' } },
  }
  try {
    return {
      allocate: await onnx.InferenceSession.create(allocateGraph, {
        ...options,
        preferredOutputLocation: 'gpu-buffer',
      }),
      // With a preferred location the runtime would pass over the tensor that it is given to write into.
      copy: await onnx.InferenceSession.create(copyGraph, options),
    }
  } catch {
    return undefined
  }
}

/** The runtime lists CUDA on every platform that could have it; the package's install script fetches its libraries. */
function hasProviderLibrary(backend: string): boolean {
  const folder = dirname(createRequire(import.meta.url).resolve('onnxruntime-node/package.json'))
  const binaries = join(folder, 'bin', 'napi-v6', process.platform, process.arch)
  const names = [`libonnxruntime_providers_${backend}.so`, `onnxruntime_providers_${backend}.dll`]
  return names.some((name) => existsSync(join(binaries, name)))
}

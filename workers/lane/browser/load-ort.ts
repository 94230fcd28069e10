import type * as OrtWeb from 'onnxruntime-web'
import type { LaneLost, StartRequest } from '../../protocol/lane.ts'
import type { Ort } from '../runtime/ort.ts'
import { captureModule } from './capture-module.ts'
import { requestGpuDevice } from './gpu-device.ts'
import { gpuMemory } from './gpu-memory.ts'
import { heapMemory } from './heap-memory.ts'
import { sessionPointer } from './runtime-module.ts'

/** Milliseconds from a run that fails with its device to the browser's word that the device is lost. */
const seenWithinMs = 500

/** ONNX Runtime in a Web Worker: the JSPI build where the browser has it (a third smaller), else the asyncify build. */
export async function loadOrt({ threads }: StartRequest): Promise<Ort> {
  const { runtime, mjs, wasm } = 'Suspending' in WebAssembly ? await jspi() : await asyncify()
  const { env, InferenceSession, Tensor } = runtime
  const captured = await captureModule(mjs, threads)
  env.wasm.wasmPaths = { mjs: captured?.address ?? mjs, wasm }
  env.wasm.numThreads = threads
  // A session's thread pool is this worker's own: onnxruntime-web's proxy would start one more.
  env.wasm.proxy = false

  // The WebAssembly comes with the first session: one that does nothing brings it while the model's files come.
  await (await InferenceSession.create(identity, { executionProviders: ['wasm'] })).release()

  const module = captured?.module()

  // Asked for with the first session that wants it: a lane that runs WASM only holds no GPU device.
  let device: Promise<GPUDevice> | undefined
  let lose: (reason: string) => void = () => {}
  const lost = new Promise<string>((resolve) => {
    lose = resolve
  })
  const gpu = () => {
    device ??= requestGpuDevice((reason) => {
      const lost: LaneLost = { lane: 'lost', reason }
      self.postMessage(lost)
      lose(reason)
    })
    // A browser that gives none now may give one later.
    device.catch(() => {
      device = undefined
    })
    return device
  }

  const createTensor: Ort['createTensor'] = (type, data, shape) =>
    new Tensor(type, data as OrtWeb.Tensor.DataType, shape)

  return {
    version: env.versions.web ?? env.versions.common,
    backends: 'gpu' in navigator ? ['webgpu', 'wasm'] : ['wasm'],
    InferenceSession,
    createTensor,
    sessionOptions: async (backend) => ({
      executionProviders: backend === 'webgpu' ? [{ name: 'webgpu', device: await gpu() }] : ['wasm'],
      graphOptimizationLevel: 'all',
    }),
    memory: async (backend, session) => {
      if (backend === 'webgpu') {
        const device = await gpu()
        return gpuMemory(device, (buffer, dataType, dims) => Tensor.fromGpuBuffer(buffer, { dataType, dims }))
      }
      const pointer = module && sessionPointer(session)
      return module && pointer !== undefined ? heapMemory(module, pointer, session, createTensor) : undefined
    },
    lost: async () => {
      if (!device) return undefined
      const unseen = new Promise<undefined>((resolve) => setTimeout(resolve, seenWithinMs))
      return Promise.race([lost, unseen])
    },
  }
}

/** An ONNX model of one node: y = Identity(x), both a float. */
const identity = Uint8Array.from(
  atob('CAgSADovChAKAXgSAXkiCElkZW50aXR5EgFnWgsKAXgSBgoECAESAGILCgF5EgYKBAgBEgBCBAoAEA0='),
  (character) => character.charCodeAt(0),
)

async function jspi() {
  const [runtime, mjs, wasm] = await Promise.all([
    import('onnxruntime-web/jspi'),
    import('onnxruntime-web/ort-wasm-simd-threaded.jspi.mjs?url'),
    import('onnxruntime-web/ort-wasm-simd-threaded.jspi.wasm?url'),
  ])
  return { runtime, mjs: absolute(mjs.default), wasm: absolute(wasm.default) }
}

async function asyncify() {
  const [runtime, mjs, wasm] = await Promise.all([
    import('onnxruntime-web/webgpu'),
    import('onnxruntime-web/ort-wasm-simd-threaded.asyncify.mjs?url'),
    import('onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm?url'),
  ])
  return { runtime, mjs: absolute(mjs.default), wasm: absolute(wasm.default) }
}

/** Against this module and not the worker's location, which is a blob when the page is of another origin. */
const absolute = (url: string) => new URL(url, import.meta.url).href

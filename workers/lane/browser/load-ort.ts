import type * as OrtWeb from 'onnxruntime-web'
import { systemClock } from '../../../models/async/clock.ts'
import { fetchVerified } from '../../../models/async/fetch-verified.ts'
import type { LaneLost, StartRequest } from '../../protocol/lane.ts'
import type { RuntimeFiles } from '../../protocol/runtime-files.ts'
import { type Ort, quiet } from '../runtime/ort.ts'
import { runFailure } from '../runtime/run-failure.ts'
import { webGpuProvider } from '../runtime/webgpu-provider.ts'
import { captureModule } from './capture-module.ts'
import { GpuChooser } from './choice/gpu-chooser.ts'
import { requestGpuDevice } from './gpu-device.ts'
import { gpuMemory } from './gpu-kv-memory.ts'
import { heapMemory } from './heap-kv-memory.ts'
import { identity } from './identity-model.ts'
import { sessionPointer } from './runtime-module.ts'
import { startFormatWorker } from './start-format-worker.ts'
import { computeAttentionWhole } from './whole-attention.ts'

/** A run can fail up to so many milliseconds before the browser reports that its device is lost. */
const lossReportedWithinMs = 500

/** onnxruntime-web, requested before its WebAssembly. */
export const requestScripts = ({ script }: RuntimeFiles): Promise<typeof OrtWeb> =>
  import(/* @vite-ignore */ script)

/** ONNX Runtime in a Web Worker. */
export async function loadOrt(
  request: StartRequest,
  files: RuntimeFiles,
  scripts = requestScripts(files),
): Promise<Ort> {
  const { threads } = request
  const { module: mjs, wasm } = files
  const { env, InferenceSession, Tensor } = await scripts
  const captured = await captureModule(files.captureModule, mjs, threads)
  // onnxruntime-web would run what it fetches unchecked.
  const fetchWasm = () => fetchVerified(new URL(wasm.url), wasm.sha256, systemClock)
  if (captured) captured.useCompiled(request.runtime ?? (await WebAssembly.compile(await fetchWasm())))
  else env.wasm.wasmBinary = await fetchWasm()
  env.wasm.wasmPaths = { mjs: captured?.address ?? mjs }
  env.wasm.numThreads = threads
  env.logLevel = 'fatal'
  // This worker may block: onnxruntime-web's proxy would start one more worker.
  env.wasm.proxy = false

  // The first session starts the runtime's WebAssembly: one of a single node does so while the model downloads.
  await (await InferenceSession.create(identity, { executionProviders: ['wasm'], ...quiet })).release()
  // It is not needed any more.
  delete env.wasm.wasmBinary

  const module = captured?.module()
  if (module) computeAttentionWhole(module)

  // Requested by the first WebGPU session: a lane that only runs WASM holds no GPU device.
  let device: Promise<GPUDevice> | undefined
  let reportLoss: (reason: string) => void = () => {}
  const lost = new Promise<string>((resolve) => {
    reportLoss = resolve
  })
  const gpu = () => {
    device ??= requestGpuDevice((reason) => {
      self.postMessage({ lane: 'lost', reason } satisfies LaneLost)
      reportLoss(reason)
    })
    // A browser that provides none now may provide one later.
    device.catch(() => {
      device = undefined
    })
    return device
  }

  const createTensor: Ort['createTensor'] = (type, data, shape) =>
    new Tensor(type, data as OrtWeb.Tensor.DataType, shape)

  const ort: Ort = {
    version: env.versions.web ?? env.versions.common,
    backends: 'gpu' in navigator ? ['webgpu', 'wasm'] : ['wasm'],
    InferenceSession,
    createTensor,
    release: (tensors) => {
      for (const tensor of tensors) tensor.dispose()
    },
    sessionOptions: async (backend) => ({
      executionProviders: backend === 'webgpu' ? [{ ...webGpuProvider, device: await gpu() }] : ['wasm'],
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
    createChooser: async (vocabulary, type) =>
      GpuChooser.create({
        device: await gpu(),
        vocabulary,
        type,
        fromBuffer: (buffer, dataType, dims) => Tensor.fromGpuBuffer(buffer, { dataType, dims }),
        failure: (cause) => runFailure(ort, 'to choose tokens', cause),
      }),
    startFormatWorker: startFormatWorker({ grammar: files.grammar }),
    lost: async () => {
      if (!device) return undefined
      const notReported = new Promise<undefined>((resolve) => setTimeout(resolve, lossReportedWithinMs))
      return Promise.race([lost, notReported])
    },
  }
  return ort
}

/** Texts as no more than a loop over onnxruntime-web can write them: no scheduler, no worker, no prompts. */
import * as ort from 'onnxruntime-web/jspi'
import mjs from 'onnxruntime-web/ort-wasm-simd-threaded.jspi.mjs?url'
import wasm from 'onnxruntime-web/ort-wasm-simd-threaded.jspi.wasm?url'
import { type Manifest, modelFile } from '../../../models/core/index.ts'
import { requestGpuDevice } from '../../../workers/lane/browser/gpu-device.ts'
import { kvNames } from '../../../workers/lane/kv/decoder-graph.ts'
import { webGpuProvider } from '../../../workers/lane/runtime/webgpu-provider.ts'
import { median } from '../bench-definition.ts'
import type { Amount, TellRate } from '../gpu/time-streams.ts'
import { argmaxKernel } from './argmax-kernel.ts'
import { base } from './time.ts'

ort.env.wasm.wasmPaths = {
  mjs: new URL(mjs, import.meta.url).href,
  wasm: new URL(wasm, import.meta.url).href,
}
ort.env.wasm.numThreads = 1

/**
 * Tokens a second of loops whose kernel writes the next run's `input_ids`: all steps are enqueued, and the tokens are read
 * at the end. Keys and values of the prompt are what the buffers held; time does not depend on them.
 */
export async function bareLoop(manifest: Manifest, amount: Amount, tellRate: TellRate): Promise<void> {
  let onLost: (reason: string) => void = () => {}
  const lost = new Promise<never>((_, reject) => {
    onLost = (reason) => reject(new Error(reason))
  })
  const device = await requestGpuDevice((reason) => onLost(reason))
  try {
    // After a loss, a run never returns.
    await Promise.race([timeLoops(device, manifest, amount, tellRate), lost])
  } finally {
    device.destroy()
  }
}

async function timeLoops(
  device: GPUDevice,
  manifest: Manifest,
  { streams, ...amount }: Amount,
  tellRate: TellRate,
): Promise<void> {
  const file = manifest.variants[0]?.files[0]
  if (!file) throw new Error(`${manifest.id} has no files`)
  const url = new URL(modelFile(file), new URL(`models/${manifest.id}/`, base))
  const session = await ort.InferenceSession.create(new Uint8Array(await (await fetch(url)).arrayBuffer()), {
    executionProviders: [{ ...webGpuProvider, device }],
    graphOptimizationLevel: 'all',
  })
  for (const rows of streams) {
    const { run, close } = openLoop(device, session, manifest, { ...amount, rows })
    const rates: number[] = []
    for (let round = 0; round <= amount.rounds; round++) {
      const start = performance.now()
      await run()
      // The first round compiles shaders.
      if (round > 0) rates.push((1_000 * rows * amount.tokens) / (performance.now() - start))
    }
    close()
    await tellRate({ streams: rows, tokensPerSecond: median(rates), steadyPerSecond: median(rates) })
  }
  await session.release()
}

interface LoopOptions extends Omit<Amount, 'streams' | 'rounds'> {
  readonly rows: number
}

function openLoop(
  device: GPUDevice,
  session: ort.InferenceSession,
  { generation, variants }: Manifest,
  { rows, prompt, tokens }: LoopOptions,
) {
  if (!generation) throw new Error('The model writes no texts')
  const { layers, heads, headDim } = generation.kv
  const type = variants[0]?.kvType ?? 'float32'
  const capacity = prompt + tokens
  const buffers: GPUBuffer[] = []
  const buffer = (bytes: number, usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC) => {
    const made = device.createBuffer({
      size: Math.ceil(bytes / 16) * 16,
      usage: usage | GPUBufferUsage.COPY_DST,
    })
    buffers.push(made)
    return made
  }
  const kvBytes = rows * heads * capacity * headDim * (type === 'float16' ? 2 : 4)
  const kv = Array.from({ length: 2 * layers }, () =>
    ort.Tensor.fromGpuBuffer(buffer(kvBytes), { dataType: type, dims: [rows, heads, capacity, headDim] }),
  )
  const named = (prefix: string) => kvNames(prefix, layers).map((name, index) => [name, kv[index]] as const)
  const logits = buffer(4 * rows * generation.vocabulary)
  const ids = buffer(8 * rows)
  const history = buffer(4 * rows * tokens)
  const step = buffer(16, GPUBufferUsage.UNIFORM)
  const fetches = {
    ...Object.fromEntries(named('present')),
    logits: ort.Tensor.fromGpuBuffer(logits, {
      dataType: 'float32',
      dims: [rows, 1, generation.vocabulary],
    }),
  }
  const past = Object.fromEntries(named('past_key_values'))
  const inputIds = ort.Tensor.fromGpuBuffer(ids, { dataType: 'int64', dims: [rows, 1] })
  const mask = new BigInt64Array(rows * capacity).fill(1n)
  const pipeline = device.createComputePipeline({
    layout: 'auto',
    compute: { module: device.createShaderModule({ code: argmaxKernel(generation.vocabulary) }) },
  })
  const bindings = device.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: [logits, ids, history, step].map((buffer, binding) => ({ binding, resource: { buffer } })),
  })

  const choose = (at: number) => {
    device.queue.writeBuffer(step, 0, Uint32Array.of(at * rows))
    const encoder = device.createCommandEncoder()
    const pass = encoder.beginComputePass()
    pass.setPipeline(pipeline)
    pass.setBindGroup(0, bindings)
    pass.dispatchWorkgroups(rows)
    pass.end()
    device.queue.submit([encoder.finish()])
  }

  const run = async (): Promise<void> => {
    device.queue.writeBuffer(
      ids,
      0,
      BigInt64Array.from({ length: rows }, (_, row) => BigInt(row + 1)),
    )
    for (let at = 0; at < tokens; at++) {
      const length = prompt + at + 1
      const ones = new ort.Tensor('int64', mask.subarray(0, rows * length), [rows, length])
      await session.run({ ...past, input_ids: inputIds, attention_mask: ones }, fetches)
      choose(at)
    }
    const made = await readBuffer(device, history)
    if (made.every((token) => token === 0)) throw new Error('The loop chose no tokens')
  }
  return { run, close: () => buffers.forEach((buffer) => void buffer.destroy()) }
}

async function readBuffer(device: GPUDevice, from: GPUBuffer): Promise<Uint32Array> {
  const copy = device.createBuffer({
    size: from.size,
    usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
  })
  const encoder = device.createCommandEncoder()
  encoder.copyBufferToBuffer(from, 0, copy, 0, from.size)
  device.queue.submit([encoder.finish()])
  await copy.mapAsync(GPUMapMode.READ)
  const words = new Uint32Array(copy.getMappedRange().slice(0))
  copy.destroy()
  return words
}

import { type Backend, type Manifest, parseManifest, type Variant } from '../../../models/core/index.ts'
import {
  type Costs,
  chatCosts,
  chatStartMs,
  type DeviceClass,
  encoderCosts,
  type RunCost,
  startMs,
  type TextCost,
  visionCosts,
} from './figures.ts'

/** What visitors ask of a model. */
export interface Workload {
  readonly manifest: Manifest
  /** Of the visitors. */
  readonly share: number
  /** Requests of a visit, and the mean milliseconds between an answer and the next request. */
  readonly requests: number
  readonly thinkMs: number
  /** Most rows of a request; one at least. */
  readonly mostRows: number
  readonly deadlineMs: number | undefined
  readonly startMs: number
  readonly runs: Costs<RunCost>
  /** For a language model, with the tokens of each text. */
  readonly texts: (Costs<TextCost> & { readonly promptTokens: number; readonly tokens: number }) | undefined
}

const variantOf = (
  id: string,
  precision: Variant['precision'],
  backends: Backend[],
  megabytes: number,
  memory: number,
): Variant => ({
  id,
  precision,
  backends,
  memory,
  files: [
    {
      path: `${id}/model.onnx`,
      size: megabytes * 1e6,
      sha256: Buffer.from(id).toString('hex').padEnd(64, '0'),
    },
  ],
})

/** One number a row: what inputs hold plays no part. */
const manifestOf = (id: string, variants: readonly Variant[], more: Partial<Manifest> = {}): Manifest =>
  parseManifest(
    {
      schema: 1,
      id,
      version: '1',
      title: id,
      description: '',
      license: 'MIT',
      task: 'tensor',
      inputs: [{ name: 'x', type: 'float32', shape: [-1, 1] }],
      outputs: [{ name: 'y', type: 'float32', shape: [-1, 1] }],
      batchAxis: 0,
      batching: { evidence: 'proven' },
      variants,
      ...more,
    },
    'the simulation',
  )

/** As the catalogue's `digits`: its variants with their sizes and memory. */
export const vision: Workload = {
  manifest: manifestOf('vision', [
    variantOf('q8', 'q8', ['wasm', 'cpu'], 0.038, 3 * 2 ** 20),
    variantOf('fp16', 'fp16', ['webgpu'], 0.064, 4 * 2 ** 20),
  ]),
  share: 0.5,
  requests: 5,
  thinkMs: 4_000,
  mostRows: 1,
  deadlineMs: 2_000,
  startMs,
  runs: visionCosts,
  texts: undefined,
}

/** As all-MiniLM-L6-v2 on the hub: 23 MB in 8 bits, 45 MB in half floats. */
export const encoder: Workload = {
  manifest: manifestOf('encoder', [
    variantOf('q8', 'q8', ['wasm', 'cpu'], 23, 80 * 2 ** 20),
    variantOf('fp16', 'fp16', ['webgpu'], 45, 140 * 2 ** 20),
  ]),
  share: 0.38,
  requests: 3,
  thinkMs: 6_000,
  mostRows: 8,
  deadlineMs: 5_000,
  startMs,
  runs: encoderCosts,
  texts: undefined,
}

/** As Qwen2.5-0.5B-Instruct on the hub: 483 MB in 4 bits with half floats, 506 MB in 8 bits. */
export const chat: Workload = {
  manifest: manifestOf(
    'chat',
    [
      variantOf('q4f16', 'q4f16', ['webgpu', 'cuda'], 483, 900 * 2 ** 20),
      variantOf('q8', 'q8', ['wasm'], 506, 1_000 * 2 ** 20),
    ],
    {
      task: 'text-generation',
      inputs: [{ name: 'input_ids', type: 'int64', shape: [-1, -1] }],
      outputs: [{ name: 'logits', type: 'float32', shape: [-1, -1, 151_936] }],
      generation: {
        context: 32_768,
        vocabulary: 151_936,
        stopTokens: [151_645],
        kv: { layers: 24, heads: 2, headDim: 64 },
        batched: true,
      },
    },
  ),
  share: 0.12,
  requests: 2,
  thinkMs: 20_000,
  mostRows: 1,
  deadlineMs: undefined,
  startMs: chatStartMs,
  runs: {},
  texts: { ...chatCosts, promptTokens: 128, tokens: 128 },
}

export const workloads: readonly Workload[] = [vision, encoder, chat]

/** The factor of a class for a backend; infinite where it has none. */
const factorOf = ({ gpuFactor = Number.POSITIVE_INFINITY, cpuFactor }: DeviceClass, backend: Backend) =>
  backend === 'webgpu' ? gpuFactor : cpuFactor

/** What runs cost on a class of devices: reading back from a GPU is as slow everywhere. */
export function runCostOn(device: DeviceClass, { runs }: Workload, backend: Backend): RunCost {
  const { fixedMs = 0, rowMs = 0 } = runs[backend] ?? {}
  const factor = factorOf(device, backend)
  return {
    fixedMs: backend === 'webgpu' ? fixedMs * Math.sqrt(factor) : fixedMs * factor,
    rowMs: rowMs * factor,
  }
}

export function textCostOn(device: DeviceClass, { texts }: Workload, backend: Backend): TextCost | undefined {
  const cost = texts?.[backend]
  if (!cost) return undefined
  const factor = factorOf(device, backend)
  return {
    fixedMs: cost.fixedMs * factor,
    promptMs: cost.promptMs * factor,
    stepMs: cost.stepMs * factor,
    moreMs: cost.moreMs * factor,
  }
}

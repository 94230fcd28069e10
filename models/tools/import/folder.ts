import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { Manifest, Variant } from '../../core/manifest.ts'
import { parseManifest } from '../../core/manifest-schema.ts'
import type { TensorType } from '../../core/tensor.ts'
import type { TensorSpec } from '../../core/tensor-spec.ts'
import { backendsOfGraph, commonBackends } from '../backends/operators.ts'
import { declaredOf } from '../graph/values.ts'
import { memoryOf } from '../inspect/memory.ts'
import { fileSpec } from '../manifest/file-spec.ts'
import { DataType } from '../onnx/data-type.ts'
import { sizeOfFiles } from '../onnx/files.ts'
import type { Model, Value } from '../onnx/model.ts'
import { type OnWritten, saveModel } from '../onnx/save.ts'
import { pageModel } from '../page/page-model.ts'
import { infer } from '../shape-inference/infer-shapes.ts'
import { sampleShapes } from '../shape-inference/input-shapes.ts'
import { backendsOf, buildVariant, computesInHalves, type VariantTarget } from './build-variant.ts'
import type { ImportSource } from './checkpoint.ts'
import { storedHeadSize } from './heads.ts'

export interface FolderOptions {
  readonly id: string
  readonly title: string
  readonly variants: readonly VariantTarget[]
  readonly context: number
  readonly topK?: number | undefined
  readonly onWritten?: OnWritten
}

/** Tolerances of the manifest: quantized products round their activations, which shows in the logits. */
const tolerances = { exact: 0.001, rounded: 0.5 }

/** Writes a model's folder. The manifest is written last, so a folder with a manifest is complete. */
export async function writeFolder(
  folder: string,
  source: ImportSource,
  options: FolderOptions,
): Promise<Manifest> {
  const { id, title, context, topK } = options
  mkdirSync(folder, { recursive: true })
  const variants: Variant[] = []
  let first: Model | undefined
  for (const variant of options.variants) {
    const built = await buildVariant(source.checkpoint, variant, { context, topK })
    // Callers give what the graphs take that are not paged.
    first ??= built
    const model = variant.paged ? pageModel(built) : built
    const paths = saveModel(model, join(folder, variant.id, 'model.onnx'), options.onWritten)
    const backends = commonBackends(backendsOf(variant, options.variants), backendsOfGraph(model))
    const values = infer(model, sampleShapes(model, new Map()))
    variants.push({
      id: variant.id,
      precision: variant.precision,
      ...(backends && { backends }),
      ...(computesInHalves(variant) && { kvType: 'float16' as const }),
      memory: memoryOf(model, values, sizeOfFiles(paths)).total,
      files: await Promise.all(paths.map((path) => fileSpec(folder, `${variant.id}/${basename(path)}`))),
    })
  }
  for (const { path, text } of source.tokenizer) writeFileSync(join(folder, path), text)
  const tokenizer = await Promise.all(source.tokenizer.map(({ path }) => fileSpec(folder, path)))
  const { shape } = source.checkpoint
  const manifest: Manifest = {
    schema: 1,
    id,
    version: '1',
    title,
    description: `A language model, imported from a checkpoint of ${source.family}.`,
    license: source.license,
    task: 'text-generation',
    inputs: (first?.inputs ?? []).filter(isOwn).map(tensorSpec),
    outputs: (first?.outputs ?? []).filter(isOwn).map(tensorSpec),
    batchAxis: 0,
    ...(tokenizer.length > 0 && { tokenizer }),
    generation: {
      context,
      vocabulary: shape.vocabulary,
      kv: { layers: shape.layers, heads: shape.kvHeads, headDim: storedHeadSize(shape) },
      batched: true,
      stopTokens: [...source.stopTokens],
      ...(source.sampling && { sampling: source.sampling }),
    },
    tolerance: options.variants.every(({ precision }) => precision === 'fp32')
      ? tolerances.exact
      : tolerances.rounded,
    variants,
  }
  const path = join(folder, 'manifest.json')
  writeFileSync(`${path}.partial`, `${JSON.stringify(parseManifest(manifest, path), null, 2)}\n`)
  renameSync(`${path}.partial`, path)
  return manifest
}

/** Whether a value belongs to the model's interface: tensors of the KV cache do not, and differ between variants. */
const isOwn = ({ name }: Value): boolean => !/^(past_key_values|present)\./.test(name)

const typeNames = new Map<number, TensorType>([
  [DataType.FLOAT, 'float32'],
  [DataType.FLOAT16, 'float16'],
  [DataType.INT64, 'int64'],
  [DataType.INT32, 'int32'],
])

function tensorSpec(value: Value): TensorSpec {
  const { type, shape = [] } = declaredOf(value)
  return {
    name: value.name,
    type: typeNames.get(type) ?? 'float32',
    shape: shape.map((size) => (typeof size === 'number' ? size : -1)),
  }
}

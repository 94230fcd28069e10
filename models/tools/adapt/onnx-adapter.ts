import { malformed } from '../errors.ts'
import { DataType } from '../onnx/data-type.ts'
import { floatsOf } from '../onnx/values.ts'
import { type Weight, weightFrom } from '../onnx/weight.ts'
import type { Adapter } from './adapter.ts'
import { lowRankParts } from './low-rank-parts.ts'
import { readOnnxAdapterFile } from './onnx-adapter-file.ts'

/**
 * Reads a LoRA adapter in onnxruntime's format, as Olive's `convert-adapters` and `extract-adapters` write it: the matrices
 * are transposed, and the second has the scale.
 *
 * @throws SpillwayError `file_missing`, `model_invalid`, or `not_supported` for what a graph cannot compute.
 */
export function readOnnxAdapter(name: string, path: string): Adapter {
  const tensors = new Map<string, Weight>()
  for (const weight of readOnnxAdapterFile(path)) {
    const tensor = moduleTensor(weight.name)
    if (tensors.has(tensor)) throw malformed(`${path} has two parameters "${tensor}"`)
    tensors.set(tensor, transposed(weight))
  }
  const parts = lowRankParts(tensors, () => 1)
  if (parts.size === 0) throw malformed(`${path} holds no adapter`)
  return { name, base: undefined, parts, skipsLayers: false }
}

/** Graphs have names of their own for what PEFT calls `self_attn`, and for the product of a matrix. */
const moduleTensor = (name: string) =>
  name.replace(/\.attn\./, '.self_attn.').replace(/\.MatMul\.weight$/, '.weight')

function transposed(weight: Weight): Weight {
  const [rows = 0, columns = 0] = weight.dims
  if (weight.dims.length !== 2) return weight
  return weightFrom(weight.name, DataType.FLOAT, [columns, rows], () => {
    const from = floatsOf(weight)
    return Float32Array.from(
      from,
      (_, index) => from[(index % rows) * columns + Math.floor(index / rows)] ?? 0,
    )
  })
}

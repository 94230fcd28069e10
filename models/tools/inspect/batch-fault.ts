import { declaredOf } from '../graph/values.ts'
import type { Value } from '../onnx/model.ts'

/** Names that tf2onnx and PyTorch give to dimensions that they know nothing of: each has another. */
const generatedName = /^unk__\d+$|_dim_\d+$/

/**
 * Why the declared shapes do not let rows of several requests share a run; null where they do. Whether rows are
 * independent is not in the shapes: only runs prove it.
 */
export function batchFault(inputs: readonly Value[], outputs: readonly Value[]): string | null {
  let known: { readonly value: string; readonly dimension: string } | undefined
  for (const value of [...inputs, ...outputs]) {
    const { shape } = declaredOf(value)
    const first = shape?.[0]
    if (shape === undefined) return `"${value.name}" has no declared shape`
    if (shape.length === 0) return `"${value.name}" is a single number`
    if (typeof first === 'number' && first > 0)
      return `the first dimension of "${value.name}" is fixed at ${first}`
    if (typeof first !== 'string' || generatedName.test(first)) continue
    if (known && known.dimension !== first)
      return `the first dimension is "${known.dimension}" in "${known.value}" and "${first}" in "${value.name}"`
    known ??= { value: value.name, dimension: first }
  }
  return inputs.length === 0 ? 'it has no input' : null
}

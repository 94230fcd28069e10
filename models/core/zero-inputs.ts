import { batchAxisOf, defaultTensor, shapeOfRows } from './axes.ts'
import type { Manifest, TensorSpec } from './manifest.ts'
import type { Tensor } from './tensor.ts'

/** Rows of zeros, or of defaults, for a run that only costs; nothing where the manifest leaves more than the batch size open. */
export function zeroInputs(
  request: Pick<Manifest, 'batchAxis'> & { readonly inputs: readonly TensorSpec[] },
  rows = 1,
): Record<string, Tensor> | undefined {
  const feeds: Record<string, Tensor> = {}
  for (const spec of request.inputs) {
    if (shapeOfRows(spec, batchAxisOf(request, spec), rows).includes(-1)) return undefined
    feeds[spec.name] = defaultTensor(request, spec, rows)
  }
  return feeds
}

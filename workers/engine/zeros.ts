import { batchAxisOf, defaultTensor, shapeOfRows, type Tensor } from '../../models/index.ts'
import type { LoadRequest } from '../lane/protocol.ts'

/** Rows of zeros, or of defaults, for a run that only costs; nothing where the manifest leaves more than the batch size open. */
export function zeros(
  request: Pick<LoadRequest, 'inputs' | 'batchAxis'>,
  rows = 1,
): Record<string, Tensor> | undefined {
  const feeds: Record<string, Tensor> = {}
  for (const spec of request.inputs) {
    if (shapeOfRows(spec, batchAxisOf(request, spec), rows).includes(-1)) return undefined
    feeds[spec.name] = defaultTensor(request, spec, rows)
  }
  return feeds
}

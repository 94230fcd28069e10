import { arrayOf, elementCount, type Tensor } from '../../models/index.ts'
import type { LoadRequest } from '../lane/protocol.ts'

/** One row of zeros for the warm-up run, or nothing where the manifest leaves more than the batch size open. */
export function zeros({ inputs, batchAxis }: LoadRequest): Record<string, Tensor> | undefined {
  const feeds: Record<string, Tensor> = {}
  for (const { name, type, shape } of inputs) {
    const row = shape.map((size, axis) => (axis === batchAxis ? 1 : size))
    if (row.includes(-1)) return undefined
    feeds[name] = { type, data: new (arrayOf(type))(elementCount(row)), shape: row }
  }
  return feeds
}

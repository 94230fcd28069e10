import { arrayOf, elementCount, type Tensor } from '../../models/index.ts'
import type { LoadRequest } from '../lane/protocol.ts'

/** Rows of zeros for a run that only costs, or nothing where the manifest leaves more than the batch size open. */
export function zeros(
  { inputs, batchAxis }: Pick<LoadRequest, 'inputs' | 'batchAxis'>,
  rows = 1,
): Record<string, Tensor> | undefined {
  const feeds: Record<string, Tensor> = {}
  for (const { name, type, shape } of inputs) {
    const whole = shape.map((size, axis) => (axis === batchAxis ? rows : size))
    if (whole.includes(-1)) return undefined
    feeds[name] = { type, data: new (arrayOf(type))(elementCount(whole)), shape: whole }
  }
  return feeds
}

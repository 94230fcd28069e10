import {
  proveRows,
  type RowFault,
  rangeFault,
  rangeOperators,
  rowTolerance,
} from '../../../models/core/rows/prove-rows.ts'
import type { GraphSource, LoadRequest } from '../../protocol/lane.ts'
import type { Ort, OrtSession } from '../runtime/ort.ts'
import { hasOperator } from './operators.ts'
import { runSession } from './run-session.ts'

/** Kernels of a GPU differ by the number of rows, and so does the order in which they sum. */
const gpuTolerance = 4 * rowTolerance

/** Milliseconds of a proof. A model whose runs take longer gains little from sharing them, and its user waits. */
const budgetMs = 3_000

/** Why rows of several requests may not share a run of the session; null where they may. */
export function proveSession(
  ort: Ort,
  session: OrtSession,
  { backend, source, inputs, outputs, batchAxis }: LoadRequest,
): Promise<RowFault> {
  const operator = rangeOperators.find((one) => isUsed(source, one))
  if (operator !== undefined) return Promise.resolve(rangeFault(operator))
  const started = performance.now()
  return proveRows(
    { inputs, outputs, batchAxis },
    {
      run: (tensors) => runSession(ort, session, tensors, outputs),
      isOverdue: () => performance.now() - started > budgetMs,
      tolerance: backend === 'webgpu' ? gpuTolerance : rowTolerance,
    },
  )
}

const isUsed = (source: GraphSource, operator: string): boolean =>
  source.from === 'bytes' && hasOperator(new Uint8Array(source.graph), operator)

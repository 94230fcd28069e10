import {
  proveRows,
  type RowFault,
  rangeFault,
  rangeOperators,
  rowTolerance,
} from '../../../models/core/rows/prove-rows.ts'
import type { LoadRequest, SessionRequest } from '../../protocol/lane.ts'
import type { Ort, OrtSession } from '../runtime/ort.ts'
import { graphBytes } from './create-session.ts'
import { usesOperator } from './operators.ts'
import { runSession } from './run-session.ts'

/** Kernels of a GPU differ by the number of rows, and so does the order in which they sum. */
const gpuTolerance = 4 * rowTolerance

/** Milliseconds of a proof. A model whose runs take longer gains little from sharing them, and its user waits. */
const budgetMs = 3_000

const tooSlow = 'its runs take too long for a proof that its rows are independent'

/** Of a session that was not warmed up, or not to the end. */
export const unproven = 'it is not proven that its rows are independent'

/** Why rows of several requests may not share a run of a session that has not run yet. */
export async function rowFaultBeforeProof(
  ort: Ort,
  { needsRowProof, source }: LoadRequest,
): Promise<RowFault> {
  if (!needsRowProof) return null
  const graph = await graphBytes(ort, source)
  const operator = graph && rangeOperators.find((one) => usesOperator(graph, one))
  return operator === undefined ? unproven : rangeFault(operator)
}

/**
 * Why rows of several requests may not share a run of the session; null where they may.
 *
 * @param spentMs Milliseconds that its first run took, out of the proof's time.
 */
export async function proveSession(
  ort: Ort,
  session: OrtSession,
  { backend, inputs, outputs, batchAxis }: SessionRequest,
  spentMs: number,
): Promise<RowFault> {
  if (spentMs > budgetMs) return tooSlow
  const started = performance.now() - spentMs
  return proveRows(
    { inputs, outputs, batchAxis },
    {
      run: async (tensors) => (await runSession(ort, session, tensors, outputs)).outputs,
      isOverdue: () => performance.now() - started > budgetMs,
      tolerance: backend === 'webgpu' ? gpuTolerance : rowTolerance,
    },
  )
}

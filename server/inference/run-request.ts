import type { CheckedInputs } from '../../models/core/index.ts'
import type { RunAnswer } from '../../workers/host/scheduler/work.ts'
import type { CallContext } from '../http/call-context.ts'
import type { CatalogueEntry } from './catalogue.ts'
import type { Inference } from './inference.ts'
import type { RequestWait } from './request-wait.ts'

/**
 * Runs a checked request within what its caller may use, and tells the log, metrics and traces of it.
 *
 * @throws SpillwayError `rate_limited`, or as `Inference.run` does.
 */
export async function runRequest(
  c: CallContext,
  inference: Pick<Inference, 'run'>,
  entry: CatalogueEntry,
  inputs: CheckedInputs,
  wait: RequestWait,
): Promise<RunAnswer> {
  const allowance = c.get('allowance')
  if (allowance) await allowance.use('rows', inputs.rows)
  const answer = await inference.run(entry, inputs, wait)
  c.set('inference', {
    model: entry.manifest.id,
    rows: inputs.rows,
    queueMs: answer.queueMs,
    computeMs: answer.computeMs,
    answeredAt: answer.answeredAt,
  })
  return answer
}

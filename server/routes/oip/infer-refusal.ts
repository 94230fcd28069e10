import type { SpillwayError } from '../../../models/core/index.ts'
import { queueHeader } from '../../../models/protocols/oip.ts'
import { turnOptions } from '../../auth/turn-options.ts'
import type { CallContext } from '../../http/call-context.ts'
import { requestIdHeader } from '../../http/request-log.ts'
import type { CatalogueEntry } from '../../inference/catalogue.ts'
import type { Inference } from '../../inference/inference.ts'
import { traceresponseHeader } from '../../observability/trace-context.ts'

/** Why an infer request is refused by its headers; undefined where its body may be read. */
export function refusalOf(
  c: Pick<CallContext, 'get'>,
  inference: Pick<Inference, 'refusal'>,
  entry: CatalogueEntry,
  timeoutMs: number | undefined,
): SpillwayError | undefined {
  // The stack of a refusal says nothing, and takes as long as the decision.
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 0
  try {
    return inference.refusal(entry, { ...turnOptions(c), deadlineMs: timeoutMs })
  } finally {
    Error.stackTraceLimit = stackTraceLimit
  }
}

/** The headers of the answer to an infer request, whether it is refused or not. */
export const inferHeaders = (
  c: Pick<CallContext, 'get' | 'set'>,
  inference: Pick<Inference, 'queueMs'>,
  entry: CatalogueEntry,
): Record<string, string> => ({ [queueHeader]: inference.queueMs(entry).toFixed(1), ...nameHeaders(c) })

/** The headers by which an answer names its request: nothing adds them later. */
export function nameHeaders(c: Pick<CallContext, 'get' | 'set'>): Record<string, string> {
  const requestId = c.get('requestId')
  const span = c.get('span')
  if (requestId !== undefined) c.set('hasRequestId', true)
  return {
    ...(requestId !== undefined && { [requestIdHeader]: requestId }),
    ...(span && { [traceresponseHeader]: span.response }),
  }
}

import type { CallContext } from '../http/call-context.ts'
import type { EndedRequest } from './tracing.ts'

type Observed = Pick<CallContext, 'get'>

/** The model, rows and tokens of a request, under the names of OpenTelemetry's conventions where they have one. */
export function spanAttributes(c: Observed): Record<string, string | number> {
  const requestId = c.get('requestId')
  const model = c.get('model')
  const inference = c.get('inference')
  const texts = c.get('texts')
  const embedded = c.get('embedded')
  return {
    ...(requestId !== undefined && { 'spillway.request_id': requestId }),
    ...(model !== undefined && { 'gen_ai.request.model': model }),
    ...(inference && { 'spillway.rows': inference.rows }),
    ...(embedded && { 'spillway.rows': embedded.rows, 'gen_ai.usage.input_tokens': embedded.promptTokens }),
    ...(texts && {
      'gen_ai.usage.input_tokens': texts.promptTokens,
      'gen_ai.usage.output_tokens': texts.tokens,
    }),
  }
}

/** Where a request waited, and where it ran. @param now The end of its answer, on the clock. */
export function phasesOf(c: Observed, now: number): Pick<EndedRequest, 'queue' | 'run'> {
  const inference = c.get('inference')
  if (inference) {
    const { queueMs, computeMs, answeredAt } = inference
    return {
      queue: { ms: queueMs, endedAt: answeredAt - computeMs },
      run: { ms: computeMs, endedAt: answeredAt },
    }
  }
  const texts = c.get('texts')
  if (!texts) return { queue: undefined, run: undefined }
  // A request whose texts all ended early does not know when they had a slot: only that they had one, by their tokens.
  const queueMs = texts.queueMs ?? texts.firstTokenMs ?? now - texts.askedAt
  const begunAt = texts.askedAt + queueMs
  return { queue: { ms: queueMs, endedAt: begunAt }, run: { ms: now - begunAt, endedAt: now } }
}

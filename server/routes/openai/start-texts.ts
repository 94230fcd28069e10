import { setMaxListeners } from 'node:events'
import type { Context } from 'hono'
import type { Clock } from '../../../models/async/clock.ts'
import { checkChoices, priorityOf } from '../../../workers/host/text/openai/choices.ts'
import type { PreparedText } from '../../../workers/host/text/openai/text-requests.ts'
import type { TextGenerator } from '../../../workers/host/text/types.ts'
import type { Allowance } from '../../auth/limits/rate-limits.ts'
import { turnOptions } from '../../auth/turn-options.ts'
import { disconnectSignal } from '../../http/disconnect-signal.ts'
import type { Variables } from '../../http/request-log.ts'
import { type RequestWait, remainingMs } from '../../inference/request-wait.ts'
import type { Metrics } from '../../observability/metrics.ts'
import type { TextRecord } from '../../observability/text-record.ts'
import { type StartedChoice, startChoices } from './start-choices.ts'

/** The texts of a request while they are generated. */
export interface StartedTexts {
  readonly choices: readonly StartedChoice[]
  readonly record: TextRecord
  readonly clock: Clock
  /** Cancels the texts that are left: the answer is complete, or its client has left. */
  readonly cancel: () => void
}

export interface StartOptions {
  readonly metrics: Pick<Metrics, 'texts'>
  /** Texts of one request. */
  readonly maxChoices: number
  readonly clock: Clock
}

/** The fields of a request that decide how its texts are begun. */
export interface AskedTexts {
  readonly model: string
  readonly n?: number | null | undefined
  /** As in vLLM: lower ones begin earlier. The schedulers have three levels. */
  readonly priority?: number | null | undefined
}

/**
 * Starts the texts of a request within what its caller may use. They end when the client leaves.
 *
 * @throws SpillwayError As `startChoices` does; `rate_limited`, `deadline_exceeded`, `request_malformed` for too many texts.
 */
export async function startTexts(
  c: Context<{ Variables: Variables }>,
  { model, n, priority }: AskedTexts,
  asked: RequestWait,
  generator: TextGenerator,
  texts: readonly PreparedText[],
  { metrics, maxChoices, clock }: StartOptions,
): Promise<StartedTexts> {
  const copies = n ?? 1
  checkChoices(texts.length * copies, maxChoices)
  const cancelled = new AbortController()
  // One listener for each text is no leak: Node would warn of it on stderr.
  setMaxListeners(0, cancelled.signal)
  const promptTokens = texts.reduce((sum, { request }) => sum + request.tokens.length, 0)
  const allowance = c.get('allowance')
  if (allowance) await allowance.use('tokens', promptTokens)
  const deadlineMs = remainingMs(asked, clock.now())
  const wait = { signal: cancelled.signal, deadlineMs, ...turnOptions(c, priorityOf(priority)) }
  const choices = startChoices(generator, texts, copies, wait)
  if (allowance) recordGenerated(choices, allowance)
  const record = metrics.texts.forRequest(model, choices.length, promptTokens)
  c.set('texts', record)
  const disconnected = disconnectSignal(c)
  const cancel = () => {
    // The connection outlives this request: a listener left on it would be a leak.
    disconnected.removeEventListener('abort', cancel)
    cancelled.abort()
  }
  disconnected.addEventListener('abort', cancel)
  if (disconnected.aborted) cancel()
  return { choices, record, clock, cancel }
}

/** Counts the tokens of each text at its end, and of one that was left in the middle those that it had. */
function recordGenerated(choices: readonly StartedChoice[], allowance: Allowance): void {
  for (const { result, generatedTokens } of choices)
    result.then(
      ({ usage }) => allowance.record('tokens', usage.generatedTokens),
      () => allowance.record('tokens', generatedTokens()),
    )
}

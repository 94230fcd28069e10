import type { Context } from 'hono'
import type { ErrorCode } from '../../../models/core/index.ts'
import { AnswerEvents } from '../../../workers/host/text/openai/answers.ts'
import { mergeByArrival } from '../../../workers/host/text/openai/choices.ts'
import type { Variables } from '../../http/request-log.ts'
import { type Completion, recordPart } from './completion.ts'
import { sendEvents } from './send-events.ts'

export interface StreamOptions {
  readonly includeUsage: boolean
  /** Cancels the texts that are left: the answer is complete, or its client has left. */
  readonly cancel: () => void
}

/** Answers with server-sent events, each piece as soon as it is generated and no faster than the client reads. */
export async function sendStream(
  c: Context<{ Variables: Variables }>,
  completion: Completion,
  { includeUsage, cancel }: StreamOptions,
): Promise<Response> {
  const { choices, record, clock } = completion
  const parts = mergeByArrival(choices)
  const first = parts.next()
  const events = new AnswerEvents(completion, includeUsage)
  const options = {
    first,
    clock,
    onFailure: (code: ErrorCode) => record.recordFailure(code),
    onEnd: () => {
      cancel()
      void parts.return(undefined)
    },
  }
  return sendEvents(c, options, async (stream) => {
    const send = (event: object) => stream.send(JSON.stringify(event))
    for (const event of events.begin()) await send(event)
    // A client that has left gets nothing more, however much is generated and not yet read.
    for (let part = await first; !part.done && !stream.isAborted; part = await parts.next()) {
      recordPart(record, part.value)
      for (const event of events.ofPart(part.value)) await send(event)
    }
    for (const event of await events.end()) await send(event)
    await stream.send('[DONE]')
  })
}

import type { Context } from 'hono'
import type { ErrorCode, SpillwayError } from '../../../models/core/index.ts'
import type { ResponseRequest } from '../../../models/protocols/openai-responses.ts'
import { mergeByArrival } from '../../../workers/host/text/openai/choices.ts'
import { beginResponse, wholeResponse } from '../../../workers/host/text/openai/response-answer.ts'
import { type ResponseEvent, ResponseEvents } from '../../../workers/host/text/openai/response-events.ts'
import type { Variables } from '../../http/request-log.ts'
import { recordPart } from './completion.ts'
import { collect } from './json-completion.ts'
import { sendEvents } from './send-events.ts'
import type { StartedTexts } from './start-texts.ts'

/** Answers `POST /v1/responses`, in one body or as its events. */
export function sendResponse(
  c: Context<{ Variables: Variables }>,
  request: ResponseRequest,
  started: StartedTexts,
): Promise<Response> {
  if (request.stream) return streamResponse(c, new ResponseEvents(request), started)
  return sendWhole(c, request, started).finally(started.cancel)
}

async function sendWhole(c: Context, request: ResponseRequest, { choices, record }: StartedTexts) {
  const answer = beginResponse(request)
  const { results } = await collect(choices, record)
  return c.json(wholeResponse(answer, choices, results))
}

const write = (event: ResponseEvent) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`

async function streamResponse(
  c: Context<{ Variables: Variables }>,
  events: ResponseEvents,
  { choices, record, clock, cancel }: StartedTexts,
): Promise<Response> {
  const parts = mergeByArrival(choices)
  const first = parts.next()
  const options = {
    first,
    clock,
    onFailure: (code: ErrorCode) => record.recordFailure(code),
    writeFailure: (error: SpillwayError) => write(events.failed(error)),
    onEnd: () => {
      cancel()
      void parts.return(undefined)
    },
  }
  return sendEvents(c, options, async (stream) => {
    for (const event of events.begin()) await stream.sendRaw(write(event))
    // A client that has left gets nothing more, however much is generated and not yet read.
    for (let part = await first; !part.done && !stream.isAborted; part = await parts.next()) {
      recordPart(record, part.value)
      for (const event of events.ofPart(part.value)) await stream.sendRaw(write(event))
    }
  })
}

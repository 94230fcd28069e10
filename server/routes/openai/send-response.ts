import type { Context } from 'hono'
import type { ErrorCode, SpillwayError } from '../../../models/core/index.ts'
import type { ResponseRequest } from '../../../models/protocols/openai-responses.ts'
import { mergeByArrival } from '../../../workers/host/text/openai/choices.ts'
import type { Variables } from '../../http/request-log.ts'
import { recordPart } from './completion.ts'
import { openAiError } from './errors.ts'
import { collect } from './json-completion.ts'
import {
  beginResponse,
  endedResponse,
  type ResponseAnswer,
  responseObject,
  statusOf,
} from './response-answer.ts'
import { type ItemEvent, ResponseItems } from './response-items.ts'
import { sendEvents } from './send-events.ts'
import type { StartedTexts } from './start-texts.ts'

/** Answers `POST /v1/responses`, in one body or as its events. */
export function sendResponse(
  c: Context<{ Variables: Variables }>,
  request: ResponseRequest,
  started: StartedTexts,
): Promise<Response> {
  const answer = beginResponse(request)
  if (request.stream) return streamResponse(c, answer, started)
  return sendWhole(c, answer, started).finally(started.cancel)
}

async function sendWhole(c: Context, answer: ResponseAnswer, { choices, record }: StartedTexts) {
  const { results } = await collect(choices, record)
  const [choice] = choices
  const [result] = results
  if (!choice || !result) throw new Error('A response has no text')
  const items = new ResponseItems()
  items.add(result)
  items.end(statusOf(result))
  return c.json(endedResponse(answer, choice, result, items.output))
}

/** The events of a response, numbered. */
class ResponseEvents {
  #sequence = 0

  /** An event as it is sent. */
  write(type: string, fields: object): string {
    return `event: ${type}\ndata: ${JSON.stringify({ type, sequence_number: this.#sequence++, ...fields })}\n\n`
  }
}

async function streamResponse(
  c: Context<{ Variables: Variables }>,
  answer: ResponseAnswer,
  { choices, record, clock, cancel }: StartedTexts,
): Promise<Response> {
  const events = new ResponseEvents()
  const parts = mergeByArrival(choices)
  const first = parts.next()
  const options = {
    first,
    clock,
    onFailure: (code: ErrorCode) => record.recordFailure(code),
    writeFailure: (error: SpillwayError) =>
      events.write('response.failed', { response: failedResponse(answer, error) }),
    onEnd: () => {
      cancel()
      void parts.return(undefined)
    },
  }
  return sendEvents(c, options, async (stream) => {
    const send = (type: string, fields: object) => stream.sendRaw(events.write(`response.${type}`, fields))
    const sendAll = async (itemEvents: readonly ItemEvent[]) => {
      for (const { type, fields } of itemEvents) await send(type, fields)
    }
    const items = new ResponseItems()
    const begun = { response: responseObject(answer, 'in_progress') }
    await send('created', begun)
    await send('in_progress', begun)
    // A client that has left gets nothing more, however much is generated and not yet read.
    for (let part = await first; !part.done && !stream.isAborted; part = await parts.next()) {
      recordPart(record, part.value)
      if ('piece' in part.value) {
        await sendAll(items.add(part.value.piece))
        continue
      }
      const { choice, result } = part.value
      const status = statusOf(result)
      await sendAll(items.end(status))
      await send(status, { response: endedResponse(answer, choice, result, items.output) })
    }
  })
}

function failedResponse(answer: ResponseAnswer, error: SpillwayError): object {
  const { message, type } = openAiError(error).error
  // The API has a short list of codes.
  const code = type === 'rate_limit_exceeded' ? type : 'server_error'
  return responseObject(answer, 'failed', { error: { code, message } })
}

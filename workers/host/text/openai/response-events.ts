import type { SpillwayError } from '../../../../models/core/index.ts'
import type { ResponseRequest } from '../../../../models/protocols/openai-responses.ts'
import type { ChoicePart } from './choices.ts'
import {
  beginResponse,
  endedResponse,
  type ResponseAnswer,
  responseObject,
  statusOf,
} from './response-answer.ts'
import { type ItemEvent, ResponseItems } from './response-items.ts'

/** An event of a streamed response, as OpenAI's API documents it. */
export interface ResponseEvent {
  readonly type: string
  readonly sequence_number: number
  readonly [field: string]: unknown
}

/** The events of a streamed response, numbered. */
export class ResponseEvents {
  readonly #answer: ResponseAnswer
  readonly #items = new ResponseItems()
  #count = 0

  constructor(request: ResponseRequest) {
    this.#answer = beginResponse(request)
  }

  /** Before the text. */
  begin(): ResponseEvent[] {
    const response = responseObject(this.#answer, 'in_progress')
    return [this.#event('created', { response }), this.#event('in_progress', { response })]
  }

  /** Of a piece, or of the end. */
  ofPart(part: ChoicePart): ResponseEvent[] {
    if ('piece' in part) return this.#ofItems(this.#items.add(part.piece))
    const { choice, result } = part
    const status = statusOf(result)
    const ends = this.#ofItems(this.#items.end(status))
    const response = endedResponse(this.#answer, choice, result, this.#items.output)
    return [...ends, this.#event(status, { response })]
  }

  /** In place of the rest. */
  failed({ code, status, message }: SpillwayError): ResponseEvent {
    // The API has a short list of codes.
    const isRefused = code === 'overloaded' || status === 429
    const error = { code: isRefused ? 'rate_limit_exceeded' : 'server_error', message }
    return this.#event('failed', { response: responseObject(this.#answer, 'failed', { error }) })
  }

  #ofItems(events: readonly ItemEvent[]): ResponseEvent[] {
    return events.map(({ type, fields }) => this.#event(type, fields))
  }

  #event(name: string, fields: object): ResponseEvent {
    return { type: `response.${name}`, sequence_number: this.#count++, ...fields }
  }
}

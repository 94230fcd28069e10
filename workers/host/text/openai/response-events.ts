import type { SpillwayError } from '../../../../models/core/index.ts'
import type { ResponseRequest } from '../../../../models/protocols/openai-responses.ts'
import type { ChoicePart } from './choices.ts'
import {
  beginResponse,
  endedResponse,
  messageItem,
  type ResponseAnswer,
  responseObject,
  statusOf,
  textPart,
} from './response-answer.ts'

/** An event of a streamed response, as OpenAI's API documents it. */
export interface ResponseEvent {
  readonly type: string
  readonly sequence_number: number
  readonly [field: string]: unknown
}

/** The events of a streamed response, numbered. It has one message with one part. */
export class ResponseEvents {
  readonly #answer: ResponseAnswer
  readonly #place: object
  #count = 0

  constructor(request: ResponseRequest) {
    this.#answer = beginResponse(request)
    this.#place = { item_id: this.#answer.itemId, output_index: 0, content_index: 0 }
  }

  /** Before the text. */
  begin(): ResponseEvent[] {
    const response = responseObject(this.#answer, 'in_progress')
    return [
      this.#event('created', { response }),
      this.#event('in_progress', { response }),
      this.#event('output_item.added', { output_index: 0, item: messageItem(this.#answer, 'in_progress') }),
      this.#event('content_part.added', { ...this.#place, part: textPart('') }),
    ]
  }

  /** Of a piece, or of the end. */
  ofPart(part: ChoicePart): ResponseEvent[] {
    if ('piece' in part) {
      const { text } = part.piece
      return text === ''
        ? []
        : [this.#event('output_text.delta', { ...this.#place, delta: text, logprobs: [] })]
    }
    const { choice, result } = part
    const { text } = result
    const status = statusOf(result)
    return [
      this.#event('output_text.done', { ...this.#place, text, logprobs: [] }),
      this.#event('content_part.done', { ...this.#place, part: textPart(text) }),
      this.#event('output_item.done', { output_index: 0, item: messageItem(this.#answer, status, text) }),
      this.#event(status, { response: endedResponse(this.#answer, choice, result) }),
    ]
  }

  /** In place of the rest. */
  failed({ code, status, message }: SpillwayError): ResponseEvent {
    // The API has a short list of codes.
    const isRefused = code === 'overloaded' || status === 429
    const error = { code: isRefused ? 'rate_limit_exceeded' : 'server_error', message }
    return this.#event('failed', { response: responseObject(this.#answer, 'failed', { error }) })
  }

  #event(name: string, fields: object): ResponseEvent {
    return { type: `response.${name}`, sequence_number: this.#count++, ...fields }
  }
}

import { createParser } from 'eventsource-parser'
import { SpillwayError } from '../../../models/core/index.ts'
import { replaceMembers } from '../../http/json-members.ts'
import { cutOff, errorOfEvent } from './engine-error.ts'
import type { ForwardedRequest } from './forwarded-request.ts'
import type { ForwardedTexts } from './forwarded-texts.ts'
import { asCompletion, errorOfResponse, isLastEvent, isOfResponse } from './response-fields.ts'

/** Characters that an engine may send without completing an event. */
const longestEvent = 4 * 2 ** 20

/** Turns an engine's events into those of its model on this server, and counts what they have. */
export class EventRelay {
  readonly #request: ForwardedRequest
  readonly #texts: ForwardedTexts
  readonly #decoder = new TextDecoder()
  readonly #modelJson: string
  #written = ''
  /** Characters since the last event. */
  #pending = 0
  /** Whether the stream is complete. */
  isDone = false
  /** Why the stream cannot go on: the engine's own error, or an event that is none. */
  failure: SpillwayError | undefined

  readonly #parser = createParser({
    onEvent: ({ data, event }) => {
      this.#pending = 0
      if (!this.isDone && !this.failure) this.#onEvent(data, event)
    },
    onComment: (comment) => {
      this.#pending = 0
      this.#written += `: ${comment}\n\n`
    },
    // llama.cpp before 2025 sends its errors as `error: {…}`.
    onError: ({ field, value = '' }) => {
      if (field === 'error') this.#onEvent(`{"error":${value}}`)
    },
  })

  constructor(request: ForwardedRequest, texts: ForwardedTexts) {
    this.#request = request
    this.#texts = texts
    this.#modelJson = JSON.stringify(request.model)
  }

  /** The events that are complete with these bytes, as they are sent to the client; an empty string where none is. */
  feed(bytes: Uint8Array): string {
    const text = this.#decoder.decode(bytes, { stream: true })
    this.#pending += text.length
    this.#parser.feed(text)
    if (this.#pending > longestEvent)
      this.failure = invalid(this.#request.model, `${this.#pending} characters without an event`)
    const written = this.#written
    this.#written = ''
    return written
  }

  /**
   * The end of the stream, where the engine has closed it before `[DONE]`.
   *
   * @throws SpillwayError `server_unreachable` where texts have not ended.
   */
  end(): string {
    if (!this.#texts.haveEnded) throw cutOff(this.#request.model)
    this.isDone = true
    return doneEvent
  }

  #onEvent(data: string, name?: string): void {
    if (data === '[DONE]') {
      this.isDone = true
      this.#written += doneEvent
      return
    }
    try {
      this.#written += this.#rewrite(data, name)
    } catch (cause) {
      this.failure = SpillwayError.from(cause, 'server_response_invalid', 'The engine sent an invalid event')
    }
  }

  #rewrite(data: string, name: string | undefined): string {
    const { model, includeUsage } = this.#request
    const event = parse(model, data)
    const error = event.error ?? errorOfResponse(event)
    if (error !== undefined) throw errorOfEvent(model, error)
    if (isOfResponse(event)) return this.#rewriteResponse(data, event, name)
    this.#texts.addEvent(event)
    const isOnlyUsage = Array.isArray(event.choices) && event.choices.length === 0 && event.usage != null
    if (isOnlyUsage && !includeUsage) return ''
    const replaced = {
      ...('model' in event && { model: this.#modelJson }),
      ...(!includeUsage && { usage: undefined }),
    }
    // An event of several lines has its breaks between members: in strings they are escaped.
    return `data: ${replaceMembers(data, replaced).replaceAll('\n', ' ')}\n\n`
  }

  /** An event of a response, which has its model in the response. */
  #rewriteResponse(data: string, event: Readonly<Record<string, unknown>>, name: string | undefined): string {
    this.#texts.addEvent(asCompletion(event))
    if (isLastEvent(event)) this.isDone = true
    const { response } = event
    const replaced =
      typeof response === 'object' && response !== null && 'model' in response
        ? { response: JSON.stringify({ ...response, model: this.#request.model }) }
        : {}
    const written = replaceMembers(data, replaced).replaceAll('\n', ' ')
    return `${name === undefined ? '' : `event: ${name}\n`}data: ${written}\n\n`
  }
}

const doneEvent = 'data: [DONE]\n\n'

function parse(model: string, data: string): Readonly<Record<string, unknown>> {
  let value: unknown
  try {
    value = JSON.parse(data)
  } catch {
    throw invalid(model, data.slice(0, 60))
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalid(model, data.slice(0, 60))
  return { ...value }
}

const invalid = (model: string, got: string) =>
  new SpillwayError('server_response_invalid', `The engine of ${model} sent an invalid stream`, {
    expected: 'events that are JSON objects',
    got,
  })

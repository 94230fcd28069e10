import { createParser } from 'eventsource-parser'
import * as z from 'zod/mini'
import type { Clock } from '../../models/async/clock.ts'
import { type BodyParts, streamWithTimeout } from '../../models/async/fetch-with-timeout.ts'
import { isErrorCode, SpillwayError } from '../../models/core/index.ts'
import { errorBody } from '../../models/protocols/openai.ts'
import { requestTimeout } from '../../models/protocols/request-timeout.ts'
import { serverError } from '../../models/protocols/responses.ts'
import { serverTooSlow, serverUnreachable } from './request.ts'
import { noHeaders, type RequestHeaders } from './request-headers.ts'

export interface EventsOptions {
  readonly clock: Clock
  readonly signal?: AbortSignal | undefined
  /** Bounds the silence before the response begins and between its parts. */
  readonly silenceMs: number
  readonly body: unknown
  /** Milliseconds that the request has left, which the server is told. */
  readonly deadlineMs?: number | undefined
  readonly pageHeaders?: RequestHeaders | undefined
}

/**
 * The events of one streamed response of the OpenAI API, each parsed as JSON, up to `[DONE]`. Leaving the loop ends
 * the request. Comments that keep the connection alive end a silence, and are not yielded.
 *
 * @throws SpillwayError `server_unreachable`, `server_timeout`, `server_response_invalid` or `aborted`; or the error
 * that the server sends, in place of the stream or within it.
 */
export async function* streamEvents(url: URL, options: EventsOptions): AsyncGenerator<unknown> {
  const { signal, pageHeaders = noHeaders } = options
  yield* pageHeaders.stream(signal, (headers) => exchange(url, options, headers))
}

function exchange(
  url: URL,
  { clock, signal, silenceMs, body, deadlineMs }: EventsOptions,
  headers: Readonly<Record<string, string>>,
): AsyncGenerator<unknown> {
  return streamWithTimeout(
    url,
    {
      clock,
      signal,
      timeoutMs: silenceMs,
      timeoutOf: 'silence',
      request: {
        method: 'POST',
        headers: {
          ...headers,
          ...requestTimeout(deadlineMs),
          'content-type': 'application/json',
          accept: 'text/event-stream',
        },
        body: JSON.stringify(body),
      },
      onTimeout: () => serverTooSlow(url, silenceMs),
      onFailure: (cause) => serverUnreachable(url, cause),
    },
    (response, parts) => readEvents(url, response, parts),
  )
}

async function* readEvents(url: URL, response: Response, parts: BodyParts): AsyncGenerator<unknown> {
  if (!response.ok) throw serverError(url, response, await response.json().catch(() => undefined))
  if (!response.body || !response.headers.get('content-type')?.includes('text/event-stream'))
    throw notAnEventStream(url, response)
  let received: string[] = []
  const parser = createParser({ onEvent: ({ data }) => received.push(data) })
  const decoder = new TextDecoder()
  for await (const part of parts) {
    parser.feed(decoder.decode(part, { stream: true }))
    const events = received
    received = []
    for (const data of events) {
      if (data === '[DONE]') return
      yield parseEvent(url, data)
    }
  }
  throw connectionCut(url)
}

function parseEvent(url: URL, data: string): unknown {
  let value: unknown
  try {
    value = JSON.parse(data)
  } catch (cause) {
    throw new SpillwayError(
      'server_response_invalid',
      `${url.origin} sent an event that is not JSON`,
      { got: data.slice(0, 60) },
      { cause },
    )
  }
  const error = z.safeParse(errorBody, value)
  if (!error.success) return value
  const { code, message, param, retry_after_ms: retryAfterMs } = error.data.error
  throw SpillwayError.fromWire({
    code: isErrorCode(code) ? code : 'server_response_invalid',
    message,
    detail: { ...(retryAfterMs != null && { retryAfterMs }), ...(param != null && { param }) },
  })
}

const notAnEventStream = (url: URL, response: Response) =>
  new SpillwayError('server_response_invalid', `${url.origin} did not answer with a stream`, {
    expected: 'text/event-stream',
    got: response.headers.get('content-type') ?? 'no content type',
  })

/** A stream that ends before `[DONE]` was cut, even where the connection was closed in order. */
const connectionCut = (url: URL) =>
  new SpillwayError('server_unreachable', `The stream from ${url.origin} was cut off`, {
    expected: 'events up to [DONE]',
    got: 'the end of the connection',
  })

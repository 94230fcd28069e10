import { EventSourceParserStream } from 'eventsource-parser/stream'
import * as z from 'zod/mini'
import { abortedBy } from '../../models/async/abort.ts'
import type { Clock } from '../../models/async/clock.ts'
import { isErrorCode, SpillwayError } from '../../models/core/index.ts'
import { errorBody } from '../../models/protocols/openai.ts'
import { saidByServer, tooSlow, unreachable } from './request.ts'

export interface EventsOptions {
  readonly clock: Clock
  readonly signal?: AbortSignal | undefined
  /** The bound on the silence before the answer begins and between its parts, in milliseconds. */
  readonly silenceMs: number
  readonly body: unknown
}

/**
 * The events of one streamed answer of the OpenAI API, each as JSON, up to `[DONE]`. Leaving the loop ends the
 * request. Comments that a server sends to keep the connection alive end a silence, and are not told.
 *
 * @throws SpillwayError `server_unreachable`, `server_timeout`, `server_response_invalid`, `aborted`, or what the
 * server says, before its answer or in its middle.
 */
export async function* streamEvents(url: URL, options: EventsOptions): AsyncGenerator<unknown> {
  const { clock, signal, silenceMs, body } = options
  const controller = new AbortController()
  const abort = () => controller.abort()
  signal?.addEventListener('abort', abort, { once: true })
  let cancel = clock.after(silenceMs, abort)
  const alive = () => {
    cancel()
    cancel = clock.after(silenceMs, abort)
  }
  try {
    if (signal?.aborted) throw abortedBy(signal)
    const response = await fetch(url, {
      method: 'POST',
      signal: controller.signal,
      headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
      body: JSON.stringify(body),
    })
    alive()
    if (!response.ok) throw saidByServer(url, response, await response.json().catch(() => undefined))
    if (!response.body || !response.headers.get('content-type')?.includes('text/event-stream'))
      throw notEvents(url, response)
    for await (const data of dataOf(response.body, alive)) {
      if (data === '[DONE]') return
      yield parseEvent(url, data)
    }
    throw brokenOff(url)
  } catch (cause) {
    if (cause instanceof SpillwayError) throw cause
    if (signal?.aborted) throw abortedBy(signal)
    if (controller.signal.aborted) throw tooSlow(url, silenceMs)
    throw unreachable(url, cause)
  } finally {
    cancel()
    signal?.removeEventListener('abort', abort)
    controller.abort()
  }
}

async function* dataOf(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
  alive: () => void,
): AsyncGenerator<string> {
  const watched = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
    transform: (bytes, controller) => {
      alive()
      controller.enqueue(bytes)
    },
  })
  const reader = body
    .pipeThrough(watched)
    .pipeThrough(new TextDecoderStream())
    .pipeThrough(new EventSourceParserStream())
    .getReader()
  // Not `for await` over the stream: Safari's streams are not iterable yet.
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) yield part.value.data
  } finally {
    await reader.cancel().catch(() => undefined)
  }
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
  const broken = z.safeParse(errorBody, value)
  if (!broken.success) return value
  const { code, message } = broken.data.error
  throw SpillwayError.fromWire({
    code: isErrorCode(code) ? code : 'server_response_invalid',
    message,
    detail: {},
  })
}

const notEvents = (url: URL, response: Response) =>
  new SpillwayError('server_response_invalid', `${url.origin} did not answer with a stream`, {
    expected: 'text/event-stream',
    got: response.headers.get('content-type') ?? 'no content type',
  })

/** A stream without its end is a connection that was cut, however politely. */
const brokenOff = (url: URL) =>
  new SpillwayError('server_unreachable', `The answer of ${url.origin} broke off`, {
    expected: 'events up to [DONE]',
    got: 'the connection’s end',
  })

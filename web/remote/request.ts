import type { Clock } from '../../models/async/clock.ts'
import { fetchWithTimeout } from '../../models/async/fetch-with-timeout.ts'
import { messageOf, SpillwayError } from '../../models/core/index.ts'
import { serverError } from '../../models/protocols/response-errors.ts'
import { noHeaders, type RequestHeaders } from './request-headers.ts'

export interface RequestOptions {
  readonly clock: Clock
  /** Bounds the whole exchange, its body included. */
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
  readonly method?: 'GET' | 'POST'
  readonly body?: string | Uint8Array<ArrayBuffer>
  readonly headers?: Readonly<Record<string, string>>
  readonly pageHeaders?: RequestHeaders | undefined
  /** Called with the headers of every response, an error's included. */
  readonly onHeaders?: (headers: Headers) => void
}

/** A successful response with its whole body. */
export interface HttpResponse {
  readonly headers: Headers
  readonly bytes: Uint8Array
}

/**
 * One exchange with the server tier.
 *
 * @throws SpillwayError `server_unreachable`, `server_timeout`, `server_response_invalid` or `aborted`; or the error
 * that the server answers with.
 */
export function requestBytes(url: URL, options: RequestOptions): Promise<HttpResponse> {
  const { signal, headers, pageHeaders = noHeaders } = options
  return pageHeaders.send(signal, (own) => exchange(url, { ...options, headers: { ...own, ...headers } }))
}

async function exchange(url: URL, options: RequestOptions): Promise<HttpResponse> {
  const { clock, timeoutMs, signal, method = 'GET', body, headers, onHeaders } = options
  return fetchWithTimeout(
    url,
    {
      clock,
      signal,
      timeoutMs,
      timeoutOf: 'exchange',
      request: {
        method,
        ...(body === undefined
          ? { headers: { ...headers } }
          : { body, headers: { 'content-type': 'application/json', ...headers } }),
      },
      onTimeout: () => serverTooSlow(url, timeoutMs),
      onFailure: (cause) => serverUnreachable(url, cause),
    },
    async (response) => {
      onHeaders?.(response.headers)
      const bytes = new Uint8Array(await response.arrayBuffer())
      if (response.ok) return { headers: response.headers, bytes }
      throw serverError(url, response, readJson(url, response, bytes))
    },
  )
}

/** One exchange of JSON. */
export async function requestJson(url: URL, options: RequestOptions): Promise<unknown> {
  const { headers, bytes } = await requestBytes(url, options)
  return readJson(url, { status: 200, headers }, bytes)
}

export function readJson(
  url: URL,
  response: Pick<Response, 'status' | 'headers'>,
  bytes: Uint8Array,
): unknown {
  const text = new TextDecoder().decode(bytes)
  try {
    return JSON.parse(text)
  } catch {
    throw notJson(url, response, text)
  }
}

const notJson = (url: URL, response: Pick<Response, 'status' | 'headers'>, text: string) =>
  new SpillwayError('server_response_invalid', `${url.origin} did not answer as an inference server`, {
    expected: 'JSON',
    got: `status ${response.status}, ${response.headers.get('content-type') ?? 'no content type'}: ${text.slice(0, 60).trim()}`,
    hint: `Check that ${url.href} is a Spillway or Open Inference Protocol server.`,
  })

export const serverTooSlow = (url: URL, timeoutMs: number) =>
  new SpillwayError('server_timeout', `The server at ${url.origin} is too slow`, {
    expected: `an answer within ${Math.round(timeoutMs)} ms`,
    got: 'none',
  })

export const serverUnreachable = (url: URL, cause: unknown) =>
  new SpillwayError(
    'server_unreachable',
    `The server at ${url.origin} cannot be reached: ${messageOf(cause)}`,
    { hint: 'Check that it runs, and the network.' },
    { cause },
  )

import type { Clock } from '../async/clock.ts'
import { type BodyParts, fetchWithTimeout } from '../async/fetch-with-timeout.ts'
import { messageOf, SpillwayError } from '../core/error.ts'

/** Time and cancellation of a lookup. */
export interface CallOptions {
  readonly clock: Clock
  readonly signal?: AbortSignal | undefined
}

export interface FetchResponseOptions extends CallOptions {
  readonly method?: 'GET' | 'HEAD'
  /** Every fetch drops `Authorization` when a redirect leads to another origin. */
  readonly headers?: Readonly<Record<string, string>>
  readonly redirect?: 'follow' | 'manual'
  /** The largest body that is accepted. */
  readonly maxBytes: number
  /** Bounds the whole exchange. */
  readonly timeoutMs?: number
}

/** A response with its whole body. */
export interface HttpResponse {
  readonly status: number
  readonly ok: boolean
  readonly headers: Headers
  readonly bytes: Uint8Array<ArrayBuffer>
}

/**
 * One request, bounded in time and in size. It resolves whatever the response's status is.
 *
 * @throws SpillwayError `server_unreachable`, `server_timeout`, `server_response_invalid` (too large) or `aborted`.
 */
export async function fetchResponse(url: URL, options: FetchResponseOptions): Promise<HttpResponse> {
  const { clock, signal, method = 'GET', headers = {}, redirect = 'follow', maxBytes } = options
  const { timeoutMs = 30_000 } = options
  return fetchWithTimeout(
    url,
    {
      clock,
      signal,
      timeoutMs,
      timeoutOf: 'exchange',
      request: { method, headers, redirect },
      onTimeout: () => tooSlow(url, timeoutMs),
      onFailure: (cause) => unreachable(url, cause),
    },
    async (response, parts) => {
      const { status, ok, headers } = response
      return { status, ok, headers, bytes: await readAll(url, parts, maxBytes) }
    },
  )
}

async function readAll(url: URL, parts: BodyParts, maxBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  const read: Uint8Array<ArrayBuffer>[] = []
  let length = 0
  for await (const part of parts) {
    length += part.length
    if (length > maxBytes) {
      throw new SpillwayError('server_response_invalid', `${url.href} is too large`, {
        expected: `at most ${maxBytes} bytes`,
        got: 'more',
      })
    }
    read.push(part)
  }
  const bytes = new Uint8Array(length)
  let at = 0
  for (const part of read) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}

const unreachable = (url: URL, cause: unknown) =>
  new SpillwayError(
    'server_unreachable',
    `${url.origin} cannot be reached: ${reasonOf(cause)}`,
    { hint: 'Check the address and the network.' },
    { cause },
  )

/** Node's fetch fails as "fetch failed" and keeps the reason, such as too many redirects, in its cause. */
export const reasonOf = (cause: unknown): string =>
  cause instanceof Error && cause.cause instanceof Error ? cause.cause.message : messageOf(cause)

const tooSlow = (url: URL, timeoutMs: number) =>
  new SpillwayError('server_timeout', `${url.origin} is too slow`, {
    expected: `an answer within ${timeoutMs} ms`,
    got: 'none',
  })

/** @throws SpillwayError `server_response_invalid` where the body is not JSON: most often it is a sign-in page. */
export function readJson(url: URL, { status, headers, bytes }: HttpResponse): unknown {
  const text = new TextDecoder().decode(bytes)
  try {
    return JSON.parse(text)
  } catch {
    throw new SpillwayError('server_response_invalid', `${url.href} is not JSON`, {
      expected: 'JSON',
      got: `status ${status}, ${headers.get('content-type') ?? 'no content type'}: ${text.slice(0, 60).trim()}`,
    })
  }
}

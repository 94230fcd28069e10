import { messageOf, SpillwayError } from '../core/error.ts'

export interface ExchangeOptions {
  readonly method?: 'GET' | 'HEAD'
  /** `Authorization` is dropped by every fetch where a redirect leads to another origin. */
  readonly headers?: Readonly<Record<string, string>>
  readonly redirect?: 'follow' | 'manual'
  readonly signal?: AbortSignal | undefined
  /** The most bytes that an answer may have. */
  readonly maxBytes: number
  /** The bound on the whole exchange, in milliseconds. */
  readonly timeoutMs?: number
}

/** An answer with all of its body. */
export interface HttpResponse {
  readonly status: number
  readonly ok: boolean
  readonly headers: Headers
  readonly bytes: Uint8Array<ArrayBuffer>
}

/**
 * One exchange, bounded in time and size. Whatever its status, an answer is an answer.
 *
 * @throws SpillwayError `server_unreachable`, `server_timeout`, `server_response_invalid` (too large) or `aborted`.
 */
export async function exchange(url: URL, options: ExchangeOptions): Promise<HttpResponse> {
  const { method = 'GET', headers = {}, redirect = 'follow', signal, maxBytes, timeoutMs = 30_000 } = options
  const controller = new AbortController()
  const abort = () => controller.abort()
  const timer = setTimeout(abort, timeoutMs)
  signal?.addEventListener('abort', abort, { once: true })
  if (signal?.aborted) abort()
  try {
    const response = await fetch(url, { method, headers, redirect, signal: controller.signal })
    const bytes = await readAll(url, response, maxBytes)
    return { status: response.status, ok: response.ok, headers: response.headers, bytes }
  } catch (cause) {
    if (cause instanceof SpillwayError) throw cause
    if (signal?.aborted) throw new SpillwayError('aborted', 'The request was aborted by its caller')
    if (controller.signal.aborted) throw tooSlow(url, timeoutMs)
    throw new SpillwayError(
      'server_unreachable',
      `${url.origin} cannot be reached: ${reasonOf(cause)}`,
      { hint: 'Check the address and the network.' },
      { cause },
    )
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', abort)
  }
}

async function readAll(url: URL, response: Response, maxBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array<ArrayBuffer>[] = []
  let length = 0
  const reader = response.body?.getReader()
  for (let part = await reader?.read(); part?.value; part = await reader?.read()) {
    length += part.value.length
    if (length > maxBytes) {
      await reader?.cancel().catch(() => undefined)
      throw new SpillwayError('server_response_invalid', `${url.href} is too large`, {
        expected: `at most ${maxBytes} bytes`,
        got: 'more',
      })
    }
    parts.push(part.value)
  }
  const bytes = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}

/** Node's fetch fails as "fetch failed" and keeps the reason, such as too many redirects, in its cause. */
const reasonOf = (cause: unknown): string =>
  cause instanceof Error && cause.cause instanceof Error ? cause.cause.message : messageOf(cause)

const tooSlow = (url: URL, timeoutMs: number) =>
  new SpillwayError('server_timeout', `${url.origin} is too slow`, {
    expected: `an answer within ${timeoutMs} ms`,
    got: 'none',
  })

/** @throws SpillwayError `server_response_invalid` where the body is no JSON: a page to sign in at, mostly. */
export function readJson(url: URL, { status, headers, bytes }: HttpResponse): unknown {
  const text = new TextDecoder().decode(bytes)
  try {
    return JSON.parse(text)
  } catch {
    throw new SpillwayError('server_response_invalid', `${url.href} is not what it should be`, {
      expected: 'JSON',
      got: `status ${status}, ${headers.get('content-type') ?? 'no content type'}: ${text.slice(0, 60).trim()}`,
    })
  }
}

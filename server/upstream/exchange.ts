import type { Dispatcher } from 'undici'
import { messageOf, SpillwayError } from '../../models/core/index.ts'
import { codesByStatus, type ResponseHead, serverError } from '../../models/protocols/responses.ts'
import { openDispatcher } from './dispatcher.ts'

/** Statuses of gateways, and of engines that do not send our codes. */
const codes = {
  ...codesByStatus,
  301: 'server_unreachable',
  302: 'server_unreachable',
  303: 'server_unreachable',
  307: 'server_unreachable',
  308: 'server_unreachable',
  408: 'server_timeout',
  500: 'run_failed',
  502: 'server_unreachable',
  504: 'server_timeout',
} as const

/** Bytes of an error's body that are read. */
const longestError = 65_536

/** Bytes of a body without interest that are read, so that its connection serves the next request. */
const longestDiscarded = 65_536

export interface UpstreamRequest {
  readonly method?: 'GET' | 'POST'
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
  readonly signal: AbortSignal
}

/** A replica's response. Its body has to be read, or the request's signal aborted. */
export interface UpstreamResponse extends ResponseHead {
  readonly url: URL
  readonly body: Dispatcher.ResponseData['body']
}

/**
 * One request to a replica. A redirect is not followed: the key is for the address that the operator has named.
 *
 * @returns The response, whatever its status.
 * @throws SpillwayError `server_unreachable`; the signal's reason.
 */
export function exchange(
  url: URL,
  { method = 'GET', headers, body, signal }: UpstreamRequest,
): Promise<UpstreamResponse> {
  return bySignal(url, signal, async () => {
    const dispatcher = await openDispatcher()
    const response = await dispatcher.request({
      origin: url.origin,
      path: `${url.pathname}${url.search}`,
      method,
      headers: { ...headers },
      body: body ?? null,
      signal,
    })
    // Who reads the body gets its errors. One that nobody reads any more may break off.
    response.body.on('error', () => {})
    return { url, status: response.statusCode, headers: headersOf(response.headers), body: response.body }
  })
}

/**
 * One request to a replica.
 *
 * @returns The response, where its status is a success.
 * @throws SpillwayError The error that the replica answers with; as `exchange` does.
 */
export async function upstreamFetch(url: URL, request: UpstreamRequest): Promise<UpstreamResponse> {
  const response = await exchange(url, request)
  if (isSuccess(response)) return response
  const text = await readText(response, request.signal)
  throw serverError(url, response, jsonIn(text), codes)
}

export const isSuccess = ({ status }: ResponseHead): boolean => status >= 200 && status < 300

/** A step of an exchange. @throws SpillwayError The signal's reason, `server_unreachable`; what the step throws of ours. */
export async function bySignal<T>(url: URL, signal: AbortSignal, step: () => Promise<T>): Promise<T> {
  try {
    return await step()
  } catch (cause) {
    if (signal.aborted && signal.reason instanceof SpillwayError) throw signal.reason
    throw SpillwayError.from(named(cause), 'server_unreachable', `${url.host} cannot be reached`)
  }
}

/** Where all addresses of a name were tried, the error has no message, but a code. */
const named = (cause: unknown) =>
  messageOf(cause) === '' && cause instanceof Error && 'code' in cause
    ? new Error(String(cause.code), { cause })
    : cause

/** A whole body. @throws SpillwayError As `bySignal` does. */
export const readBytes = ({ url, body }: UpstreamResponse, signal: AbortSignal): Promise<Uint8Array> =>
  bySignal(url, signal, () => body.bytes())

/** As much of a body as an error's can have. @throws SpillwayError As `bySignal` does. */
export function readText({ url, body }: UpstreamResponse, signal: AbortSignal): Promise<string> {
  return bySignal(url, signal, async () => {
    const decoder = new TextDecoder()
    let text = ''
    for await (const part of body) {
      text += decoder.decode(part, { stream: true })
      // Leaving the loop closes the connection.
      if (text.length > longestError) break
    }
    return text
  })
}

/** Reads a body without interest to its end, or closes its connection where that is far. */
export const discard = ({ url, body }: UpstreamResponse, signal: AbortSignal): Promise<void> =>
  bySignal(url, signal, () => body.dump({ limit: longestDiscarded, signal }))

const headersOf = (fields: Dispatcher.ResponseData['headers']): ResponseHead['headers'] => ({
  get: (name) => fields[name]?.toString() ?? null,
})

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

import { messageOf, SpillwayError } from '../../models/core/index.ts'
import { codesByStatus, serverError } from '../../models/protocols/response-errors.ts'

/** Statuses of gateways, and of engines that do not send our codes. */
const codes = {
  ...codesByStatus,
  408: 'server_timeout',
  500: 'run_failed',
  502: 'server_unreachable',
  504: 'server_timeout',
} as const

/** Bytes of an error's body that are read. */
const longestError = 65_536

export interface UpstreamRequest {
  readonly method?: 'GET' | 'POST'
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array<ArrayBuffer>
  readonly signal: AbortSignal
}

/**
 * One request to a replica.
 *
 * @returns The response, where its status is a success. Its body has to be read, or its signal aborted.
 * @throws SpillwayError The error that the replica answers with; `server_unreachable`, `server_timeout`; the signal's
 * reason.
 */
export async function upstreamFetch(url: URL, { signal, ...request }: UpstreamRequest): Promise<Response> {
  const response = await bySignal(url, signal, () => fetch(url, { ...request, signal, redirect: 'error' }))
  if (response.ok) return response
  const text = await bySignal(url, signal, () => readText(response))
  throw serverError(url, response, jsonIn(text), codes)
}

/** A step of an exchange. @throws SpillwayError The signal's reason, `server_unreachable`; what the step throws of ours. */
export async function bySignal<T>(url: URL, signal: AbortSignal, step: () => Promise<T>): Promise<T> {
  try {
    return await step()
  } catch (cause) {
    if (signal.aborted && signal.reason instanceof SpillwayError) throw signal.reason
    throw SpillwayError.from(inner(cause), 'server_unreachable', `${url.host} cannot be reached`)
  }
}

/** The reason of a failed fetch is its cause: its own message is "fetch failed". */
const inner = (cause: unknown) =>
  cause instanceof Error && cause.cause instanceof Error
    ? new Error(messageOf(cause.cause), { cause })
    : cause

/** As much of a body as an error's can have. */
export async function readText({ body }: Response): Promise<string> {
  if (!body) return ''
  const decoder = new TextDecoder()
  let text = ''
  for await (const part of body) {
    text += decoder.decode(part, { stream: true })
    // Leaving the loop closes the connection.
    if (text.length > longestError) break
  }
  return text
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

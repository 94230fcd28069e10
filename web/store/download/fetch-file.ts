import { abortedBy } from '../../../models/async/abort.ts'
import type { Clock } from '../../../models/async/clock.ts'
import { SpillwayError } from '../../../models/core/index.ts'
import { brokenOff, isPage, refused, stalled, unreachable } from './download-errors.ts'
import type { FileSource } from './file-source.ts'

/** Milliseconds without a byte after which a request is given up. */
const stallMs = 20_000

/** Bytes from `start` to before `end`, or to the file's end. */
export interface Range {
  readonly start: number
  readonly end?: number
}

export interface ExchangeOptions {
  readonly clock: Clock
  readonly signal?: AbortSignal | undefined
  readonly cache: RequestCache
  /** What is wanted; the whole file where it is absent. */
  readonly range?: Range | undefined
  /** The strong ETag that earlier bytes came with. */
  readonly etag?: string | undefined
}

export interface FileResponse {
  /** `part`: the range that was asked for; `whole`: the file from its start, whatever was asked for. */
  readonly kind: 'part' | 'whole' | 'unsatisfiable'
  /** A strong ETag, where the server has one and lets the page see it. */
  readonly etag?: string | undefined
  /** Bytes of the whole file, where the answer tells them for certain. */
  readonly total?: number | undefined
  readonly parts: AsyncIterable<Uint8Array>
}

/**
 * One request for a file, from its sending until `use` has what it wants of the answer; then it is given up.
 *
 * @throws SpillwayError `file_missing`, `access_denied`, `file_truncated`, `server_unreachable`, `server_timeout`, `overloaded`,
 * `server_response_invalid` or `aborted`; or what the source's `request` throws.
 */
export async function exchange<T>(
  file: FileSource,
  options: ExchangeOptions,
  use: (answer: FileResponse) => Promise<T>,
): Promise<T> {
  const { clock, signal } = options
  const { url, headers } = await file.request()
  const controller = new AbortController()
  const abort = () => controller.abort(signal?.reason)
  signal?.addEventListener('abort', abort, { once: true })
  let isStalled = false
  let cancel = () => {}
  const alive = () => {
    cancel()
    cancel = clock.after(stallMs, () => {
      isStalled = true
      controller.abort()
    })
  }
  alive()
  try {
    if (signal?.aborted) throw abortedBy(signal)
    const response = await fetch(url, {
      headers: { ...headers, ...rangeHeaders(file, url, options) },
      signal: controller.signal,
      cache: options.cache,
      // What the page asks for goes first: an answer from the server tier, while the model comes.
      priority: 'low',
    })
    return await use(answerOf(file, url, response, options.range, alive))
  } catch (cause) {
    if (signal?.aborted) throw abortedBy(signal)
    if (isStalled) throw stalled(file, stallMs)
    if (cause instanceof SpillwayError) throw cause
    throw unreachable(file, url, cause)
  } finally {
    cancel()
    signal?.removeEventListener('abort', abort)
    // A body that is not read to its end would hold its connection.
    controller.abort()
  }
}

/**
 * `If-Range` costs a preflight on other origins, which static hosts may not answer: where the SHA-256 is known
 * it settles whether all bytes are of one file.
 */
function rangeHeaders(
  { key }: FileSource,
  url: URL,
  { range, etag }: ExchangeOptions,
): Record<string, string> {
  if (!range) return {}
  const headers = { range: `bytes=${range.start}-${range.end === undefined ? '' : range.end - 1}` }
  const isSettledByHash = 'sha256' in key && url.origin !== globalThis.location?.origin
  return etag === undefined || isSettledByHash ? headers : { ...headers, 'if-range': etag }
}

function answerOf(
  file: FileSource,
  url: URL,
  response: Response,
  range: Range | undefined,
  alive: () => void,
): FileResponse {
  const { status, headers } = response
  const etag = strong(headers.get('etag'))
  const parts = readBody(file, response, range?.start ?? 0, alive)
  if (status === 416 && range) return { kind: 'unsatisfiable', parts }
  if (!response.ok || isPage(headers)) throw refused(file, url, response)
  if (status !== 206) return { kind: 'whole', etag, total: lengthOf(response), parts }
  // Other origins need not show it: then what was asked for is what came, and the hash has the last word.
  const told = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(headers.get('content-range') ?? '')
  if (!range || (told && Number(told[1]) !== range.start)) {
    throw new SpillwayError('server_response_invalid', `The server sends another part of ${file.path}`, {
      expected: `bytes from ${range?.start ?? 0}`,
      got: headers.get('content-range') ?? 'status 206',
    })
  }
  const total = told?.[2] === undefined || told[2] === '*' ? undefined : Number(told[2])
  return { kind: 'part', etag, total, parts }
}

const strong = (etag: string | null) => (etag?.startsWith('"') ? etag : undefined)

/** Of the file, not of a compressed body: other origins do not show whether it is one. */
function lengthOf({ headers, type }: Response): number | undefined {
  const length = headers.get('content-length')
  return length === null || type === 'cors' || headers.has('content-encoding') ? undefined : Number(length)
}

async function* readBody(
  file: FileSource,
  { body }: Response,
  start: number,
  alive: () => void,
): AsyncGenerator<Uint8Array> {
  const reader = body?.getReader()
  let received = start
  for (;;) {
    const part = await reader?.read().catch((cause: unknown) => {
      throw cause instanceof TypeError ? brokenOff(file, file.size, received, cause) : cause
    })
    if (!part?.value) return
    alive()
    received += part.value.length
    yield part.value
  }
}

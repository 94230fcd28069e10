import type { Clock } from '../../../models/async/clock.ts'
import { type BodyParts, fetchWithTimeout } from '../../../models/async/fetch-with-timeout.ts'
import {
  connectionCut,
  downloadStalled,
  isHtml,
  responseError,
  serverUnreachable,
  wrongRange,
} from './download-errors.ts'
import type { FileSource } from './file-source.ts'

/** Bounds each silence of the server. */
const stallMs = 20_000

/** Bytes from `start` to before `end`, or to the file's end. */
export interface Range {
  readonly start: number
  readonly end?: number
}

export interface FetchFileOptions {
  readonly clock: Clock
  readonly signal?: AbortSignal | undefined
  readonly cache: RequestCache
  /** Default: the whole file. */
  readonly range?: Range | undefined
  /** The strong ETag of the bytes before the range. */
  readonly etag?: string | undefined
}

export interface FileResponse {
  /** `part`: the requested range. `whole`: the file from its start, even if a range was requested. */
  readonly kind: 'part' | 'whole' | 'unsatisfiable'
  /** A strong ETag, if the server sends one that the page may see. */
  readonly etag?: string | undefined
  /** Bytes of the whole file, if the response gives them reliably. */
  readonly total?: number | undefined
  /** Bytes of the body as the network carries it, compressed or not; of a whole file only, where the response says. */
  readonly sentBytes?: number | undefined
  readonly parts: BodyParts
}

/**
 * One request for a file. When `use` settles, the rest of the response is given up.
 *
 * @throws SpillwayError `file_missing`, `access_denied`, `file_truncated`, `server_unreachable`, `server_timeout`,
 * `overloaded`, `server_response_invalid` or `aborted`; or what the source's `request` throws.
 */
export async function fetchFile<T>(
  file: FileSource,
  options: FetchFileOptions,
  use: (response: FileResponse) => Promise<T>,
): Promise<T> {
  const { clock, signal, cache, range } = options
  const { url, headers } = await file.request()
  return fetchWithTimeout(
    url,
    {
      clock,
      signal,
      timeoutMs: stallMs,
      timeoutOf: 'silence',
      request: {
        headers: { ...headers, ...rangeHeaders(file, url, options) },
        cache,
        // The page's own requests go first, such as one to the server tier while the model downloads.
        priority: 'low',
      },
      onTimeout: () => downloadStalled(file, stallMs),
      onFailure: (cause) => serverUnreachable(file, url, cause),
    },
    (response, parts) => use(readResponse(file, url, response, range, parts)),
  )
}

/**
 * `If-Range` costs a preflight on other origins, which static hosts may not answer. A known SHA-256 replaces it:
 * the hash shows whether all bytes are of one file.
 */
function rangeHeaders(
  { key }: FileSource,
  url: URL,
  { range, etag }: FetchFileOptions,
): Record<string, string> {
  if (!range) return {}
  const headers = { range: `bytes=${range.start}-${range.end === undefined ? '' : range.end - 1}` }
  const isSettledByHash = 'sha256' in key && url.origin !== globalThis.location?.origin
  return etag === undefined || isSettledByHash ? headers : { ...headers, 'if-range': etag }
}

function readResponse(
  file: FileSource,
  url: URL,
  response: Response,
  range: Range | undefined,
  body: BodyParts,
): FileResponse {
  const { status, headers } = response
  const etag = strongEtag(headers.get('etag'))
  const parts = readParts(file, body, range?.start ?? 0)
  if (status === 416 && range) return { kind: 'unsatisfiable', parts }
  if (!response.ok || isHtml(headers)) throw responseError(file, url, response)
  if (status !== 206)
    return { kind: 'whole', etag, total: totalOf(response), sentBytes: lengthOf(headers), parts }
  // Another origin may hide the header. Then the part is taken for the requested one, and the hash decides.
  const contentRange = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(headers.get('content-range') ?? '')
  if (!range || (contentRange && Number(contentRange[1]) !== range.start)) {
    throw wrongRange(file, range?.start ?? 0, headers.get('content-range') ?? 'status 206')
  }
  const [, , total = '*'] = contentRange ?? []
  return { kind: 'part', etag, total: total === '*' ? undefined : Number(total), parts }
}

const strongEtag = (etag: string | null) => (etag?.startsWith('"') ? etag : undefined)

/** The length of a compressed body is not the file's, and another origin hides whether a body is compressed. */
const totalOf = ({ headers, type }: Response): number | undefined =>
  type === 'cors' || headers.has('content-encoding') ? undefined : lengthOf(headers)

function lengthOf(headers: Headers): number | undefined {
  const length = headers.get('content-length')
  return length === null ? undefined : Number(length)
}

/** Fetch reports a cut connection as a TypeError. */
async function* readParts(
  file: FileSource,
  parts: BodyParts,
  start: number,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  let received = start
  try {
    for await (const part of parts) {
      received += part.length
      yield part
    }
  } catch (cause) {
    throw cause instanceof TypeError ? connectionCut(file, file.size, received, cause) : cause
  }
}

import { type FileSpec, messageOf, SpillwayError } from '../../models/index.ts'
import { abortedBy } from '../../workers/bounded.ts'
import type { Clock } from '../../workers/clock.ts'
import { wrongSize } from './check.ts'
import type { FileRequest } from './source.ts'

/** Milliseconds without a byte after which a download is given up. */
const stallMs = 20_000

export interface DownloadOptions {
  readonly clock: Clock
  readonly signal?: AbortSignal | undefined
  readonly onBytes?: ((received: number) => void) | undefined
  /** Past the browser's own cache: what it held was wrong. */
  readonly fresh?: boolean
}

/**
 * Fetches one file of the size that its manifest says; the store checks its content.
 *
 * @throws SpillwayError `file_missing`, `file_truncated`, `file_altered` (longer), `server_unreachable`, `server_timeout` or `aborted`.
 */
export async function download(
  { url, headers = {} }: FileRequest,
  file: FileSpec,
  options: DownloadOptions,
): Promise<ArrayBuffer> {
  const { clock, signal } = options
  const stalled = new AbortController()
  const abort = () => stalled.abort(signal?.reason)
  signal?.addEventListener('abort', abort, { once: true })
  let cancel = () => {}
  const alive = () => {
    cancel()
    cancel = clock.after(stallMs, () => stalled.abort())
  }
  alive()
  try {
    if (signal?.aborted) throw abortedBy(signal)
    const cache = options.fresh ? 'reload' : 'default'
    const response = await fetch(url, { headers, signal: stalled.signal, cache })
    checkResponse(url, file, response)
    return await readBody(file, response, options, alive)
  } catch (cause) {
    if (signal?.aborted) throw abortedBy(signal)
    if (stalled.signal.aborted) throw stall(file)
    throw SpillwayError.from(
      cause,
      'server_unreachable',
      `${file.path} could not be fetched from ${url.origin}`,
    )
  } finally {
    cancel()
    signal?.removeEventListener('abort', abort)
  }
}

function checkResponse(url: URL, file: FileSpec, response: Response): void {
  const type = response.headers.get('content-type') ?? 'no content type'
  if (response.ok && !type.includes('text/html')) return
  throw new SpillwayError('file_missing', `The server has no ${file.path}`, {
    expected: 'status 200 with the bytes of the file',
    got: `status ${response.status}, ${type}`,
    hint: `Open ${url.href} to see what it answers.`,
  })
}

async function readBody(file: FileSpec, response: Response, { onBytes }: DownloadOptions, alive: () => void) {
  const bytes = new Uint8Array(file.size)
  let received = 0
  const reader = response.body?.getReader()
  const read = () =>
    reader?.read().catch((cause: unknown) => {
      throw cause instanceof TypeError ? brokenOff(file, received, cause) : cause
    })
  try {
    for (let part = await read(); part?.value; part = await read()) {
      alive()
      if (received + part.value.length > file.size) throw wrongSize(file, received + part.value.length)
      bytes.set(part.value, received)
      received += part.value.length
      onBytes?.(received)
    }
  } finally {
    await reader?.cancel().catch(() => undefined)
  }
  if (received !== file.size) throw wrongSize(file, received)
  return bytes.buffer
}

/** A connection that breaks in the middle is a shorter file, whatever the browser calls it. */
const brokenOff = (file: FileSpec, received: number, cause: TypeError) =>
  new SpillwayError('file_truncated', `${file.path} broke off (${messageOf(cause)})`, {
    expected: `${file.size} bytes`,
    got: `${received}`,
  })

const stall = (file: FileSpec) =>
  new SpillwayError('server_timeout', `${file.path} stopped coming`, {
    expected: `bytes within ${stallMs / 1000} s`,
    got: 'none',
  })

import { createHash, type Hash } from 'node:crypto'
import { createReadStream, existsSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { ExponentialBackoff, handleWhen, retry } from 'cockatiel'
import type { Clock } from '../../async/clock.ts'
import { fetchWithTimeout } from '../../async/fetch-with-timeout.ts'
import { SpillwayError } from '../../core/error.ts'
import { type FileRequest, reasonOf } from '../../hub/index.ts'
import { sha256OfFile } from '../manifest/file-spec.ts'

/** A file to fetch into a model's folder. */
export interface PullFile {
  /** Relative to the folder. */
  readonly path: string
  readonly request: FileRequest
  readonly size?: number | undefined
  /** Without it the bytes cannot be verified. */
  readonly sha256?: string | undefined
  /** Whether the file may be missing. */
  readonly optional?: boolean
}

export interface DownloadOptions {
  readonly clock: Clock
  readonly signal: AbortSignal
  /** Called with the bytes of this file that are on disk. */
  readonly onBytes: (received: number) => void
  /** The path of the file while it is not complete. Default: beside it, with a name of its own. */
  readonly partial?: string
}

/** Milliseconds without a byte after which a connection is given up. */
const stallMs = 30_000

const resumeHint = 'Try again: it resumes where it stopped.'

const retryable = ['server_unreachable', 'server_timeout', 'file_truncated', 'overloaded']

/** A few attempts, each after a longer pause. Each resumes where the last one stopped. */
const retries = retry(
  handleWhen((cause) => cause instanceof SpillwayError && retryable.includes(cause.code)),
  { maxAttempts: 6, backoff: new ExponentialBackoff({ initialDelay: 200, maxDelay: 10_000 }) },
)

/**
 * Fetches a file, or the missing rest of it. It gets its name once it is complete and its SHA-256 is right.
 *
 * @returns False for an optional file that does not exist.
 * @throws SpillwayError `file_missing`, `file_altered`, `file_truncated`, `access_denied`, `server_unreachable`,
 * `server_timeout`, `overloaded` or `aborted`.
 */
export async function download(root: string, file: PullFile, options: DownloadOptions): Promise<boolean> {
  const target = join(root, file.path)
  const { partial = join(dirname(target), `.${basename(target)}.partial`) } = options
  if (await isComplete(target, file)) {
    options.onBytes(file.size ?? 0)
    return true
  }
  mkdirSync(dirname(target), { recursive: true })
  // Without a known SHA-256 nothing shows whether the rest would belong to the same file.
  if (file.sha256 === undefined) rmSync(partial, { force: true })
  try {
    await retries.execute(() => attempt(partial, file, options), options.signal)
  } catch (cause) {
    if (file.optional && cause instanceof SpillwayError && cause.code === 'file_missing') return false
    throw cause
  }
  renameSync(partial, target)
  return true
}

async function isComplete(target: string, { size, sha256 }: PullFile): Promise<boolean> {
  if (sha256 === undefined || statSync(target, { throwIfNoEntry: false })?.size !== size) return false
  return (await sha256OfFile(target)) === sha256
}

/** One attempt. The bytes that it brings stay when it fails. */
async function attempt(path: string, file: PullFile, options: DownloadOptions): Promise<void> {
  const partial = await readPartial(path, file)
  if (partial.length !== file.size) await fetchRest(path, file, partial, options)
  const sha256 = partial.hash.digest('hex')
  if (file.size !== undefined && partial.length !== file.size) throw connectionCut(file, partial.length)
  if (file.sha256 === undefined || sha256 === file.sha256) return
  rmSync(path, { force: true })
  throw new SpillwayError('file_altered', `${file.path} is not what its source says`, {
    expected: `SHA-256 ${file.sha256}`,
    got: sha256,
    hint: 'It was not kept.',
  })
}

/** The part of a file that is on disk, and its running SHA-256. */
interface PartialFile {
  length: number
  hash: Hash
}

async function readPartial(
  path: string,
  { size = Number.POSITIVE_INFINITY }: PullFile,
): Promise<PartialFile> {
  const hash = createHash('sha256')
  const length = existsSync(path) ? statSync(path).size : 0
  if (length === 0 || length > size) return { length: 0, hash }
  for await (const part of createReadStream(path)) hash.update(part)
  return { length, hash }
}

function fetchRest(
  path: string,
  file: PullFile,
  partial: PartialFile,
  { clock, signal, onBytes }: DownloadOptions,
): Promise<void> {
  const { url, headers } = file.request
  // Without a known SHA-256, bytes of two responses must not be joined.
  const resumes = partial.length > 0 && file.sha256 !== undefined
  const range = resumes ? { range: `bytes=${partial.length}-` } : {}
  return fetchWithTimeout(
    url,
    {
      clock,
      signal,
      timeoutMs: stallMs,
      timeoutOf: 'silence',
      request: { headers: { ...headers, ...range } },
      onTimeout: () => downloadStalled(file),
      onFailure: (cause) => unreachable(file, cause),
    },
    async (response, parts) => {
      checkResponse(file, response)
      if (!resumes || response.status !== 206 || !continuesAt(response, partial.length)) {
        partial.length = 0
        partial.hash = createHash('sha256')
      }
      const handle = await open(path, partial.length === 0 ? 'w' : 'a')
      try {
        for await (const part of parts) {
          await write(handle, file, partial, part)
          onBytes(partial.length)
        }
      } finally {
        await handle.close()
      }
    },
  )
}

async function write(
  handle: FileHandle,
  file: PullFile,
  partial: PartialFile,
  part: Uint8Array,
): Promise<void> {
  if (partial.length + part.length > (file.size ?? Number.POSITIVE_INFINITY)) {
    throw new SpillwayError('file_altered', `${file.path} is longer than its source says`, {
      expected: `${file.size} bytes`,
      got: 'more',
    })
  }
  await handle.writeFile(part)
  partial.hash.update(part)
  partial.length += part.length
}

const continuesAt = ({ headers }: Response, start: number): boolean =>
  headers.get('content-range')?.startsWith(`bytes ${start}-`) === true

function checkResponse({ path, request }: PullFile, { ok, status, headers }: Response): void {
  const type = headers.get('content-type') ?? 'no content type'
  if (ok && !type.includes('text/html')) return
  if (status === 429 || status >= 500) {
    throw new SpillwayError('overloaded', `${request.url.origin} did not send ${path}`, {
      got: `status ${status}`,
      hint: resumeHint,
    })
  }
  const denied = status === 401 || status === 403
  throw new SpillwayError(
    denied ? 'access_denied' : 'file_missing',
    denied ? `Access to ${path} is denied` : `There is no ${path} at its source`,
    {
      expected: 'status 200 with the bytes of the file',
      got: `status ${status}, ${type}`,
      hint: denied ? 'Pass a token with access to it (HF_TOKEN).' : `See ${request.url.href}`,
    },
  )
}

const downloadStalled = ({ path }: PullFile) =>
  new SpillwayError('server_timeout', `${path} stopped coming`, {
    expected: `bytes within ${stallMs / 1000} s`,
    got: 'none',
  })

const unreachable = ({ path, request }: PullFile, cause: unknown) =>
  new SpillwayError(
    'server_unreachable',
    `${path} could not be fetched from ${request.url.origin}: ${reasonOf(cause)}`,
    { hint: resumeHint },
    { cause },
  )

const connectionCut = ({ path, size }: PullFile, got: number) =>
  new SpillwayError('file_truncated', `The connection was cut before all of ${path} came`, {
    expected: `${size} bytes`,
    got: `${got}`,
    hint: resumeHint,
  })

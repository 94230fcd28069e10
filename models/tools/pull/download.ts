import { createHash, type Hash } from 'node:crypto'
import { createReadStream, existsSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { ExponentialBackoff, handleWhen, retry } from 'cockatiel'
import { messageOf, SpillwayError } from '../../core/error.ts'
import type { FileRequest } from '../../hub/index.ts'
import { sha256OfFile } from '../manifest/file-spec.ts'

/** A file to fetch into a model's folder. */
export interface PullFile {
  /** In the folder. */
  readonly path: string
  readonly request: FileRequest
  readonly size?: number | undefined
  /** Without it nothing tells what the bytes should be. */
  readonly sha256?: string | undefined
  /** Whether the model may well do without it. */
  readonly optional?: boolean
}

export interface DownloadOptions {
  readonly signal: AbortSignal
  /** Bytes of this file that are here. */
  readonly onBytes: (received: number) => void
}

/** Milliseconds without a byte after which a connection is given up. */
const stallMs = 30_000

const passing = ['server_unreachable', 'server_timeout', 'file_truncated', 'overloaded']

/** What broke goes on from where it was, a few times, each after a longer pause. */
const retries = retry(
  handleWhen((cause) => cause instanceof SpillwayError && passing.includes(cause.code)),
  { maxAttempts: 6, backoff: new ExponentialBackoff({ initialDelay: 200, maxDelay: 10_000 }) },
)

/**
 * Fetches a file, or what is missing of it: it appears under its name when it is whole and its SHA-256 is right.
 *
 * @returns Whether it is there: an optional one may not be.
 * @throws SpillwayError `file_missing`, `file_altered`, `file_truncated`, `access_denied`, `server_unreachable`,
 * `server_timeout`, `overloaded` or `aborted`.
 */
export async function download(root: string, file: PullFile, options: DownloadOptions): Promise<boolean> {
  const target = join(root, file.path)
  const partial = join(dirname(target), `.${basename(target)}.partial`)
  if (await isHere(target, file)) {
    options.onBytes(file.size ?? 0)
    return true
  }
  mkdirSync(dirname(target), { recursive: true })
  // Of what nothing is known, nothing tells whether the rest would still fit.
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

async function isHere(target: string, { size, sha256 }: PullFile): Promise<boolean> {
  if (sha256 === undefined || statSync(target, { throwIfNoEntry: false })?.size !== size) return false
  return (await sha256OfFile(target)) === sha256
}

async function attempt(partial: string, file: PullFile, options: DownloadOptions): Promise<void> {
  const kept = await hashOf(partial, file)
  const stalled = new AbortController()
  const abort = () => stalled.abort()
  options.signal.addEventListener('abort', abort, { once: true })
  if (options.signal.aborted) abort()
  const timer = setTimeout(abort, stallMs)
  try {
    if (kept.length !== file.size) await fetchRest(partial, file, kept, stalled.signal, timer, options)
  } catch (cause) {
    throw faultOf(file, cause, options.signal, stalled.signal)
  } finally {
    clearTimeout(timer)
    options.signal.removeEventListener('abort', abort)
  }
  const sha256 = kept.hash.digest('hex')
  if (file.size !== undefined && kept.length !== file.size) throw brokenOff(file, kept.length)
  if (file.sha256 === undefined || sha256 === file.sha256) return
  rmSync(partial, { force: true })
  throw new SpillwayError('file_altered', `${file.path} is not what its source says`, {
    expected: `SHA-256 ${file.sha256}`,
    got: sha256,
    hint: 'It was not kept.',
  })
}

/** What is here of a file, and its running SHA-256. */
interface Begun {
  length: number
  hash: Hash
}

async function hashOf(partial: string, { size = Number.POSITIVE_INFINITY }: PullFile): Promise<Begun> {
  const hash = createHash('sha256')
  const length = existsSync(partial) ? statSync(partial).size : 0
  if (length === 0 || length > size) return { length: 0, hash }
  for await (const part of createReadStream(partial)) hash.update(part)
  return { length, hash }
}

async function fetchRest(
  partial: string,
  file: PullFile,
  kept: Begun,
  signal: AbortSignal,
  timer: NodeJS.Timeout,
  { onBytes }: DownloadOptions,
): Promise<void> {
  const { url, headers } = file.request
  // Bytes whose SHA-256 nobody knows must not be put together from two answers.
  const resumes = kept.length > 0 && file.sha256 !== undefined
  const range = resumes ? { range: `bytes=${kept.length}-` } : {}
  const response = await fetch(url, { headers: { ...headers, ...range }, signal })
  checkResponse(file, response)
  if (!resumes || response.status !== 206 || !continues(response, kept.length)) {
    kept.length = 0
    kept.hash = createHash('sha256')
  }
  const handle = await open(partial, kept.length === 0 ? 'w' : 'a')
  try {
    for await (const part of response.body ?? []) {
      timer.refresh()
      await write(handle, file, kept, part)
      onBytes(kept.length)
    }
  } finally {
    await handle.close()
  }
}

async function write(handle: FileHandle, file: PullFile, kept: Begun, part: Uint8Array): Promise<void> {
  if (kept.length + part.length > (file.size ?? Number.POSITIVE_INFINITY)) {
    throw new SpillwayError('file_altered', `${file.path} is longer than its source says`, {
      expected: `${file.size} bytes`,
      got: 'more',
    })
  }
  await handle.writeFile(part)
  kept.hash.update(part)
  kept.length += part.length
}

const continues = ({ headers }: Response, start: number): boolean =>
  headers.get('content-range')?.startsWith(`bytes ${start}-`) === true

function checkResponse({ path, request }: PullFile, { ok, status, headers }: Response): void {
  const type = headers.get('content-type') ?? 'no content type'
  if (ok && !type.includes('text/html')) return
  if (status === 429 || status >= 500) {
    throw new SpillwayError('overloaded', `${request.url.origin} did not give ${path}`, {
      got: `status ${status}`,
      hint: 'Run the command again: it goes on where it was.',
    })
  }
  const denied = status === 401 || status === 403
  throw new SpillwayError(
    denied ? 'access_denied' : 'file_missing',
    denied ? `${path} may not be read` : `There is no ${path} at its source`,
    {
      expected: 'status 200 with the bytes of the file',
      got: `status ${status}, ${type}`,
      hint: denied ? 'Give a token that may read it (HF_TOKEN).' : `See ${request.url.href}`,
    },
  )
}

function faultOf(file: PullFile, cause: unknown, caller: AbortSignal, stalled: AbortSignal): SpillwayError {
  if (cause instanceof SpillwayError) return cause
  if (caller.aborted) return new SpillwayError('aborted', `${file.path} is not fetched any more`)
  if (stalled.aborted) {
    return new SpillwayError('server_timeout', `${file.path} stopped coming`, {
      expected: `bytes within ${stallMs / 1000} s`,
      got: 'none',
    })
  }
  const reason = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause
  return new SpillwayError(
    'server_unreachable',
    `${file.path} could not be fetched from ${file.request.url.origin}: ${messageOf(reason)}`,
    { hint: 'Run the command again: it goes on where it was.' },
    { cause },
  )
}

const brokenOff = ({ path, size }: PullFile, got: number) =>
  new SpillwayError('file_truncated', `${path} broke off`, {
    expected: `${size} bytes`,
    got: `${got}`,
    hint: 'Run the command again: it goes on where it was.',
  })

import * as z from 'zod/mini'
import { SpillwayError } from '../core/error.ts'
import type { FileSpec } from '../core/manifest.ts'
import { schemaFault } from '../core/schema-error.ts'
import { type CallOptions, fetchResponse, type HttpResponse, readJson } from './fetch-response.ts'
import type { Folder } from './folder.ts'
import { gitBlobId, sha256Hex } from './hash.ts'
import { type HubRequest, type ListedFile, listFiles, unexpectedHubResponse } from './listing.ts'
import { type FileRequest, type HubOptions, headersOf, hubEndpoint, locateOnHub } from './locate.ts'
import { commitName, type HubReference } from './reference.ts'
import { hubError } from './response-errors.ts'

/** A repository at one commit: the one that its revision named when it was opened. */
export interface PinnedRepository extends Folder {
  readonly repo: string
  readonly commit: string
  /** The address of a file, and the headers that reading it needs. */
  locate(path: string): FileRequest
  /** From the model card. */
  readonly license: string | undefined
  readonly pipeline: string | undefined
}

/** Larger files are in LFS, where the SHA-256 is the file's name. */
const maxSmallBytes = 32 * 2 ** 20
const maxJsonBytes = 8 * 2 ** 20

const info = z.looseObject({
  sha: z.string().check(z.regex(commitName)),
  pipeline_tag: z.optional(z.nullable(z.string())),
  cardData: z.optional(z.nullable(z.looseObject({ license: z.optional(z.unknown()) }))),
})

/**
 * Resolves a revision to its commit and lists the files there.
 *
 * @throws SpillwayError `model_unknown`, `access_denied`, `overloaded`, `server_unreachable`, `server_timeout`,
 * `server_response_invalid` or `aborted`.
 */
export async function openRepository(
  reference: HubReference,
  hub: HubOptions,
  options: CallOptions,
): Promise<PinnedRepository> {
  const endpoint = hubEndpoint(hub.endpoint)
  const { repo } = reference
  const headers = headersOf(hub)
  const request: HubRequest = async (url, what, more = {}) => {
    const response = await fetchResponse(url, { ...options, headers, maxBytes: maxJsonBytes, ...more })
    if (response.ok || (more.redirect === 'manual' && response.status < 400)) return response
    throw hubError(response, reference, what, endpoint)
  }
  const api = `api/models/${repo}`
  const { sha, pipeline_tag, cardData } = await readInfo(
    new URL(`${api}/revision/${encodeURIComponent(reference.revision)}`, endpoint),
    request,
  )
  const listed = await listFiles(new URL(`${api}/tree/${sha}?recursive=true`, endpoint), request)
  const locate = locateOnHub(repo, sha, hub)
  const fileAt = (path: string): ListedFile => {
    const file = listed.get(path)
    if (file) return file
    throw new SpillwayError('file_missing', `${repo} has no ${path}`)
  }
  const read = async (path: string) => {
    const file = fileAt(path)
    const { url } = locate(path)
    const response = await request(url, path, { maxBytes: maxSmallBytes })
    await checkContent(path, file, sha, response)
    return response.bytes
  }
  const spec = async (path: string): Promise<FileSpec> => {
    const file = fileAt(path)
    if (file.sha256 !== undefined) return { path, size: file.size, sha256: file.sha256 }
    if (file.size <= maxSmallBytes)
      return { path, size: file.size, sha256: await sha256Hex(await read(path)) }
    return linkedSpec(
      path,
      file.size,
      await request(locate(path).url, path, { method: 'HEAD', redirect: 'manual' }),
    )
  }
  return {
    repo,
    commit: sha,
    license: typeof cardData?.license === 'string' ? cardData.license : undefined,
    pipeline: pipeline_tag ?? undefined,
    sizes: new Map([...listed].map(([path, { size }]) => [path, size])),
    locate,
    read: memoize(read),
    spec: memoize(spec),
  }
}

async function readInfo(url: URL, request: HubRequest) {
  const value = readJson(url, await request(url, 'the revision'))
  const parsed = z.safeParse(info, value)
  if (parsed.success) return parsed.data
  throw unexpectedHubResponse(url, schemaFault(parsed.error, value))
}

/** Checks a file by its SHA-256, or by its git blob id; and by the commit that the response names. */
async function checkContent(
  path: string,
  file: ListedFile,
  commit: string,
  { headers, bytes }: HttpResponse,
) {
  const from = headers.get('x-repo-commit')
  if (from !== null && from !== commit) {
    throw new SpillwayError('file_altered', `${path} came from another revision`, {
      expected: commit,
      got: from,
    })
  }
  const got = file.sha256 === undefined ? gitBlobId(bytes) : await sha256Hex(bytes)
  const expected = file.sha256 ?? file.blob
  if (expected === undefined || got === expected) return
  throw new SpillwayError('file_altered', `${path} is not what the hub lists`, {
    expected: `${file.size} bytes named ${expected}`,
    got: `${bytes.length} bytes named ${got}`,
  })
}

/** A mirror's listing may leave LFS out. The redirect to the file names its SHA-256 in `X-Linked-Etag`. */
function linkedSpec(path: string, listedSize: number, { headers }: HttpResponse): FileSpec {
  const sha256 = headers.get('x-linked-etag')?.replace(/^(?:W\/)?"?([0-9a-f]*)"?$/, '$1') ?? ''
  const size = Number(headers.get('x-linked-size') ?? listedSize)
  if (/^[0-9a-f]{64}$/.test(sha256) && Number.isSafeInteger(size)) return { path, size, sha256 }
  throw new SpillwayError('server_response_invalid', `The hub does not give the SHA-256 of ${path}`, {
    expected: 'lfs.oid in the list of files, or an X-Linked-Etag header',
  })
}

/** Runs once per path. A failure is not memoized. */
function memoize<T>(work: (path: string) => Promise<T>): (path: string) => Promise<T> {
  const results = new Map<string, Promise<T>>()
  return (path) => {
    let result = results.get(path)
    if (!result) {
      result = work(path)
      results.set(path, result)
      result.catch(() => results.delete(path))
    }
    return result
  }
}

import * as z from 'zod/mini'
import { SpillwayError } from '../core/error.ts'
import type { FileSpec } from '../core/manifest.ts'
import { schemaFault } from '../core/schema-error.ts'
import { exchange, type HttpResponse, readJson } from './exchange.ts'
import type { Folder } from './folder.ts'
import { gitBlobId, sha256Hex } from './hash.ts'
import { type Ask, type Listed, listFiles, notTheHub } from './listing.ts'
import { type FileRequest, type HubOptions, headersOf, hubEndpoint, locateOnHub } from './locate.ts'
import { commitName, type HubReference } from './reference.ts'
import { refusal } from './refusal.ts'

/** A repository at the commit that its revision named when it was asked for. */
export interface PinnedRepository extends Folder {
  readonly repo: string
  readonly commit: string
  /** Where a file lies, and what must be sent along to read it. */
  locate(path: string): FileRequest
  /** As the model card says. */
  readonly license: string | undefined
  readonly pipeline: string | undefined
}

/** What git itself keeps on the hub is smaller: what is larger is in LFS, where its SHA-256 is its name. */
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
  options: HubOptions,
  signal?: AbortSignal,
): Promise<PinnedRepository> {
  const endpoint = hubEndpoint(options.endpoint)
  const { repo } = reference
  const headers = headersOf(options)
  const ask: Ask = async (url, what, rest = {}) => {
    const answer = await exchange(url, { headers, signal, maxBytes: maxJsonBytes, ...rest })
    if (answer.ok || (rest.redirect === 'manual' && answer.status < 400)) return answer
    throw refusal(answer, reference, what, endpoint)
  }
  const api = `api/models/${repo}`
  const { sha, pipeline_tag, cardData } = await readInfo(
    new URL(`${api}/revision/${encodeURIComponent(reference.revision)}`, endpoint),
    ask,
  )
  const listed = await listFiles(new URL(`${api}/tree/${sha}?recursive=true`, endpoint), ask)
  const locate = locateOnHub(repo, sha, options)
  const known = (path: string): Listed => {
    const found = listed.get(path)
    if (found) return found
    throw new SpillwayError('file_missing', `${repo} has no ${path}`)
  }
  const read = async (path: string) => {
    const file = known(path)
    const { url } = locate(path)
    const answer = await ask(url, path, { maxBytes: maxSmallBytes })
    await checkContent(path, file, sha, answer)
    return answer.bytes
  }
  const spec = async (path: string): Promise<FileSpec> => {
    const file = known(path)
    if (file.sha256 !== undefined) return { path, size: file.size, sha256: file.sha256 }
    if (file.size <= maxSmallBytes)
      return { path, size: file.size, sha256: await sha256Hex(await read(path)) }
    return linkedSpec(
      path,
      file.size,
      await ask(locate(path).url, path, { method: 'HEAD', redirect: 'manual' }),
    )
  }
  return {
    repo,
    commit: sha,
    license: typeof cardData?.license === 'string' ? cardData.license : undefined,
    pipeline: pipeline_tag ?? undefined,
    sizes: new Map([...listed].map(([path, { size }]) => [path, size])),
    locate,
    read: once(read),
    spec: once(spec),
  }
}

async function readInfo(url: URL, ask: Ask) {
  const value = readJson(url, await ask(url, 'the revision'))
  const parsed = z.safeParse(info, value)
  if (parsed.success) return parsed.data
  throw notTheHub(url, schemaFault(parsed.error, value))
}

/** A file in git is checked by its blob's name, and by the commit that the answer says it is from. */
async function checkContent(path: string, file: Listed, commit: string, { headers, bytes }: HttpResponse) {
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

/** Where a listing does not say what is in LFS, the redirect to it does: `X-Linked-Etag` is the SHA-256. */
function linkedSpec(path: string, listedSize: number, { headers }: HttpResponse): FileSpec {
  const sha256 = headers.get('x-linked-etag')?.replace(/^(?:W\/)?"?([0-9a-f]*)"?$/, '$1') ?? ''
  const size = Number(headers.get('x-linked-size') ?? listedSize)
  if (/^[0-9a-f]{64}$/.test(sha256) && Number.isSafeInteger(size)) return { path, size, sha256 }
  throw new SpillwayError('server_response_invalid', `The hub does not say the SHA-256 of ${path}`, {
    expected: 'lfs.oid in its list of files, or X-Linked-Etag',
  })
}

/** Asked for once, however often it is needed; a failure is not kept. */
function once<T>(work: (path: string) => Promise<T>): (path: string) => Promise<T> {
  const kept = new Map<string, Promise<T>>()
  return (path) => {
    let result = kept.get(path)
    if (!result) {
      result = work(path)
      kept.set(path, result)
      result.catch(() => kept.delete(path))
    }
    return result
  }
}

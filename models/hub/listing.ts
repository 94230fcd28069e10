import * as z from 'zod/mini'
import { SpillwayError } from '../core/error.ts'
import { type SchemaFault, schemaFault } from '../core/schema-error.ts'
import { type FetchResponseOptions, type HttpResponse, readJson } from './fetch-response.ts'

/**
 * One request to the hub. An error status is thrown.
 *
 * @param what The thing requested, for the error's message.
 */
export type HubRequest = (
  url: URL,
  what: string,
  options?: Partial<FetchResponseOptions>,
) => Promise<HttpResponse>

/** A page lists up to a thousand files. */
const maxPages = 20

const entry = z.looseObject({
  type: z.string(),
  path: z.string().check(z.minLength(1), z.maxLength(4096)),
  size: z.optional(z.int()),
  oid: z.optional(z.string()),
  lfs: z.optional(
    z.nullable(z.looseObject({ oid: z.string().check(z.regex(/^[0-9a-f]{64}$/)), size: z.int() })),
  ),
})

export interface ListedFile {
  readonly size: number
  /** Of a file in LFS. */
  readonly sha256: string | undefined
  /** The git blob id. */
  readonly blob: string | undefined
}

/** The files of a repository by path, page by page. */
export async function listFiles(first: URL, request: HubRequest): Promise<Map<string, ListedFile>> {
  const files = new Map<string, ListedFile>()
  let url: URL | undefined = first
  for (let page = 0; url; page++) {
    if (page === maxPages) {
      throw new SpillwayError('not_supported', 'The repository has too many files', {
        expected: `at most ${maxPages} pages of them`,
      })
    }
    const response: HttpResponse = await request(url, 'the list of files')
    const value = readJson(url, response)
    const parsed = z.safeParse(z.array(entry), value)
    if (!parsed.success) throw unexpectedHubResponse(url, schemaFault(parsed.error, value))
    for (const { type, path, size, oid, lfs } of parsed.data) {
      if (type !== 'file') continue
      checkPath(path)
      files.set(path, { size: lfs?.size ?? size ?? 0, sha256: lfs?.oid, blob: oid })
    }
    url = nextPage(url, response.headers.get('link'))
  }
  return files
}

/** The next page, from the `Link` header (RFC 8288). Another origin is refused: it would be sent the token. */
function nextPage(url: URL, link: string | null): URL | undefined {
  const target = /<([^>]+)>\s*;\s*rel="?next"?/.exec(link ?? '')?.[1]
  if (target === undefined) return undefined
  const next = new URL(target, url)
  if (next.origin === url.origin) return next
  throw unexpectedHubResponse(url, { path: '', expected: `the next page at ${url.origin}`, got: next.origin })
}

function checkPath(path: string): void {
  const parts = path.split(/[/\\]/)
  if (!path.includes('\0') && !path.includes('\\') && !parts.includes('..') && !parts.includes('')) return
  throw new SpillwayError('server_response_invalid', 'The repository lists a file outside of itself', {
    got: JSON.stringify(path.slice(0, 200)),
  })
}

export const unexpectedHubResponse = (url: URL, { path, expected, got }: SchemaFault) =>
  new SpillwayError('server_response_invalid', `${url.origin} does not answer as the Hugging Face hub`, {
    expected: path === '' ? expected : `${expected} at ${path}`,
    got,
    hint: `Open ${url.href} to see what it answers.`,
  })

import * as z from 'zod/mini'
import { SpillwayError } from '../core/error.ts'
import { type SchemaFault, schemaFault } from '../core/schema-error.ts'
import { type ExchangeOptions, type HttpResponse, readJson } from './exchange.ts'

/** Asks the hub; an answer that is a refusal is thrown. */
export type Ask = (url: URL, what: string, rest?: Partial<ExchangeOptions>) => Promise<HttpResponse>

/** A page has a thousand. */
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

export interface Listed {
  readonly size: number
  readonly sha256: string | undefined
  readonly blob: string | undefined
}

/** The files of a repository by path, page by page. */
export async function listFiles(first: URL, ask: Ask): Promise<Map<string, Listed>> {
  const files = new Map<string, Listed>()
  let url: URL | undefined = first
  for (let page = 0; url; page++) {
    if (page === maxPages) {
      throw new SpillwayError('not_supported', 'The repository has too many files', {
        expected: `at most ${maxPages} pages of them`,
      })
    }
    const answer: HttpResponse = await ask(url, 'the list of files')
    const value = readJson(url, answer)
    const parsed = z.safeParse(z.array(entry), value)
    if (!parsed.success) throw notTheHub(url, schemaFault(parsed.error, value))
    for (const { type, path, size, oid, lfs } of parsed.data) {
      if (type !== 'file') continue
      checkPath(path)
      files.set(path, { size: lfs?.size ?? size ?? 0, sha256: lfs?.oid, blob: oid })
    }
    url = nextPage(url, answer.headers.get('link'))
  }
  return files
}

/** The next page of a listing, as RFC 8288 has it; one at another origin would be given the token. */
function nextPage(url: URL, link: string | null): URL | undefined {
  const found = /<([^>]+)>\s*;\s*rel="?next"?/.exec(link ?? '')?.[1]
  if (found === undefined) return undefined
  const next = new URL(found, url)
  if (next.origin === url.origin) return next
  throw notTheHub(url, { path: '', expected: `the next page at ${url.origin}`, got: next.origin })
}

function checkPath(path: string): void {
  const parts = path.split(/[/\\]/)
  if (!path.includes('\0') && !path.includes('\\') && !parts.includes('..') && !parts.includes('')) return
  throw new SpillwayError('server_response_invalid', 'The repository lists a file outside of itself', {
    got: JSON.stringify(path.slice(0, 200)),
  })
}

export const notTheHub = (url: URL, { path, expected, got }: SchemaFault) =>
  new SpillwayError('server_response_invalid', `${url.origin} does not answer as the Hugging Face hub`, {
    expected: path === '' ? expected : `${expected} at ${path}`,
    got,
    hint: `Open ${url.href} to see what it answers.`,
  })

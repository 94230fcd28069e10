import { SpillwayError } from '../core/error.ts'

/** A repository on the hub, at a revision: a branch, a tag or a commit. */
export interface HubReference {
  /** `owner/name`; the hub's oldest repositories have a name only. */
  readonly repo: string
  readonly revision: string
}

/** A model's name, parsed. */
export type SourceName =
  | { readonly kind: 'hub'; readonly reference: HubReference }
  /** The address of a manifest or of an ONNX file. */
  | { readonly kind: 'url'; readonly url: URL }
  /** The id of a model in a folder of models. */
  | { readonly kind: 'id'; readonly id: string }

const part = '[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9_-])?'
const repository = new RegExp(`^(?:${part}/)?${part}$`)
const revisionName = /^[A-Za-z0-9][A-Za-z0-9._/+-]{0,199}$/
export const commitName = /^[0-9a-f]{40}$/

/**
 * Reads a source: `hf:owner/repo@revision`, an address of a repository, a manifest or an ONNX file, or an id.
 *
 * @param endpoint The hub's address. The address of a repository's page there names the repository.
 * @throws SpillwayError `input_value_invalid`.
 */
export function parseSource(source: string, endpoint: URL): SourceName {
  if (source.startsWith('hf:')) return { kind: 'hub', reference: parseReference(source) }
  if (!/^https?:\/\//i.test(source)) return { kind: 'id', id: source }
  const url = parseUrl(source)
  const reference = url.origin === endpoint.origin ? referenceFromPage(url, endpoint) : undefined
  return reference ? { kind: 'hub', reference } : { kind: 'url', url }
}

function parseReference(source: string): HubReference {
  const [repo = '', ...rest] = source.slice('hf:'.length).split('@')
  return checkReference(source, repo, rest.length === 0 ? 'main' : rest.join('@'))
}

function checkReference(source: string, repo: string, revision: string): HubReference {
  const isUnsafe = `${repo}/${revision}`.includes('..') || repo.includes('--')
  if (!isUnsafe && repo.length <= 96 && repository.test(repo) && revisionName.test(revision))
    return { repo, revision }
  throw new SpillwayError('input_value_invalid', 'Not the name of a repository on the hub', {
    expected: 'hf:owner/name, or hf:owner/name@revision',
    got: source,
  })
}

/** The repository of a page `/owner/name` or `/owner/name/tree/revision`. */
function referenceFromPage(url: URL, endpoint: URL): HubReference | undefined {
  const path = decode(url.pathname.slice(endpoint.pathname.length)).replace(/\/$/, '')
  const [owner, name, what, ...revision] = path.split('/')
  if (!owner || !name) return undefined
  if (what === undefined) return checkReference(url.href, `${owner}/${name}`, 'main')
  if (what !== 'tree' || revision.length === 0) return undefined
  return checkReference(url.href, `${owner}/${name}`, revision.join('/'))
}

function decode(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    // A path that cannot be decoded names no repository, and is refused as such.
    return path
  }
}

function parseUrl(source: string): URL {
  if (URL.canParse(source)) return new URL(source)
  throw new SpillwayError('input_value_invalid', 'Not an address', {
    expected: 'https://host/path',
    got: source,
  })
}

export const showReference = ({ repo, revision }: HubReference): string => `hf:${repo}@${revision}`

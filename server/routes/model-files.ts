import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { type Context, Hono } from 'hono'
import parseRange from 'range-parser'
import { type FileSpec, manifestFiles, SpillwayError } from '../../models/core/index.ts'
import { statFile } from '../../models/tools/manifest/verifier.ts'
import type { Access } from '../auth/access.ts'
import { unauthenticated } from '../auth/unauthenticated.ts'
import { documentOf, matchesTag, sendDocument } from '../http/document.ts'
import type { Variables } from '../http/request-log.ts'
import { type Catalogue, findModel } from '../inference/catalogue.ts'
import { derivedFrom } from '../inference/live-catalogue.ts'
import { endOfResponse } from '../observability/stream-end.ts'

/**
 * The catalogue, manifests and model files below `/models`, laid out as on a static host. One route serves all of them:
 * Hono's fast router takes no fixed name beside a parameter, and a single route that it cannot take makes all slower.
 */
export const modelFileRoutes = (catalogue: Catalogue, access?: Pick<Access, 'identify'>) => {
  const documentsOf = derivedFrom(catalogue, () => {
    const models = [...catalogue.values()].map(({ manifest }) => manifest)
    return new Map([
      ['catalogue.json', documentOf({ models, hub: catalogue.references ?? [] })],
      ...models.map((manifest) => [`${manifest.id}/manifest.json`, documentOf(manifest)] as const),
    ])
  })
  return new Hono<Env>().get('/:path{.+}', async (c) => {
    const path = c.req.param('path')
    const document = documentsOf().get(path)
    if (document) return sendDocument(c, document)
    const [, id = '', name = ''] = /^([^/]*)\/?(.*)$/.exec(path) ?? []
    c.set('model', id)
    const found = findFile(catalogue, id, name, c.req.query('sha256'))
    if (!found) throw new SpillwayError('model_unknown', `${id} has no file "${name}"`)
    const { file, manifest, folder } = found
    const isPublic = manifest.access !== 'key'
    if (!isPublic) await requireKey(c, access)
    return sendFile(c, file, join(folder, file.path), isPublic)
  })
}

type Env = { Variables: Variables }

/**
 * A file of the model's default version, or of the version in which it has the given hash: a page that read its
 * manifest before a newer version came goes on with the files of that manifest. Only files that a manifest lists are
 * found: no path can name another file.
 *
 * @throws SpillwayError `model_unknown`.
 */
function findFile(catalogue: Catalogue, id: string, name: string, sha256: string | undefined) {
  const newest = findModel(catalogue, id)
  const listed = (catalogue.versions.get(id) ?? [newest]).flatMap(({ manifest, folder }) => {
    const file = manifestFiles(manifest).find(({ path }) => path === name)
    return file ? { file, manifest, folder } : []
  })
  return (
    listed.find(({ file }) => file.sha256 === sha256) ??
    listed.find(({ manifest }) => manifest === newest.manifest)
  )
}

/** On a server without keys nobody has one. */
async function requireKey(c: Context<Env>, access: Pick<Access, 'identify'> | undefined): Promise<void> {
  if (access) await access.identify(c)
  else
    throw unauthenticated(c, {
      what: 'The files of this model are for callers with a key',
      expected: 'a server with SPILLWAY_KEYS',
      got: 'one without keys',
    })
}

/** The SHA-256 is a strong ETag, so `If-Range` can resume; a URL that contains it is immutable. */
async function sendFile(c: Context<Env>, file: FileSpec, path: string, isPublic: boolean): Promise<Response> {
  const immutable = `${isPublic ? 'public' : 'private'}, max-age=31536000, immutable`
  const tag = `"${file.sha256}"`
  const { size } = await statFile(path, file)
  const headers = new Headers({
    etag: tag,
    'accept-ranges': 'bytes',
    'content-type': 'application/octet-stream',
    'cache-control':
      c.req.query('sha256') === file.sha256 ? immutable : isPublic ? 'no-cache' : 'private, no-cache',
  })
  if (matchesTag(c.req.header('if-none-match'), tag)) return c.body(null, { status: 304, headers })

  const ifRange = c.req.header('if-range')
  const range = c.req.header('range')
  const ranges =
    range === undefined || (ifRange !== undefined && ifRange !== tag) ? undefined : parseRange(size, range)
  if (ranges === -1) {
    headers.set('content-range', `bytes */${size}`)
    return c.body(null, { status: 416, headers })
  }
  // For a malformed range, another unit or several ranges the whole file is a valid answer.
  const part = Array.isArray(ranges) && ranges.type === 'bytes' && ranges.length === 1 ? ranges[0] : undefined
  const { start, end } = part ?? { start: 0, end: size - 1 }
  if (part) headers.set('content-range', `bytes ${start}-${end}/${size}`)
  headers.set('content-length', String(end - start + 1))
  const status = part ? 206 : 200
  if (c.req.method === 'HEAD') return c.body(null, { status, headers })
  c.set('stream', endOfResponse(c))
  return c.body(Readable.toWeb(createReadStream(path, { start, end })) as ReadableStream, { status, headers })
}

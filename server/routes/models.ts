import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { type Context, Hono } from 'hono'
import { etag } from 'hono/etag'
import parseRange from 'range-parser'
import { type FileSpec, manifestFiles, type Reference, SpillwayError } from '../../models/index.ts'
import { type Catalogue, findModel } from '../catalogue.ts'
import { statFile } from '../verify.ts'

/** Manifests and model files, below `models/` as on any static host. */
export const modelRoutes = (catalogue: Catalogue, references: readonly Reference[] = []) =>
  new Hono()
    .use('/catalogue.json', etag())
    .get('/catalogue.json', (c) => {
      c.header('cache-control', 'no-cache')
      return c.json({ models: [...catalogue.values()].map(({ manifest }) => manifest), hub: references })
    })
    .use('/:id/manifest.json', etag())
    .get('/:id/manifest.json', (c) => {
      c.header('cache-control', 'no-cache')
      return c.json(findModel(catalogue, c.req.param('id')).manifest)
    })
    .get('/:id/:path{.+}', async (c) => {
      const { manifest, folder } = findModel(catalogue, c.req.param('id'))
      const path = c.req.param('path')
      // Only what a manifest lists is ever read: the address cannot name another file.
      const file = manifestFiles(manifest).find((listed) => listed.path === path)
      if (!file) throw new SpillwayError('model_unknown', `${manifest.id} has no file "${path}"`)
      return sendFile(c, file, join(folder, file.path))
    })

/** The SHA-256 is a strong ETag, so `If-Range` may resume; an address that carries it may be kept for ever. */
async function sendFile(c: Context, file: FileSpec, path: string): Promise<Response> {
  const tag = `"${file.sha256}"`
  const { size } = await statFile(path, file)
  const headers = new Headers({
    etag: tag,
    'accept-ranges': 'bytes',
    'content-type': 'application/octet-stream',
    'cache-control':
      c.req.query('sha256') === file.sha256 ? 'public, max-age=31536000, immutable' : 'no-cache',
  })
  if (names(c.req.header('if-none-match'), tag)) return c.body(null, { status: 304, headers })

  const ifRange = c.req.header('if-range')
  const range = c.req.header('range')
  const ranges =
    range === undefined || (ifRange !== undefined && ifRange !== tag) ? undefined : parseRange(size, range)
  if (ranges === -1) {
    headers.set('content-range', `bytes */${size}`)
    return c.body(null, { status: 416, headers })
  }
  // A malformed range, another unit or several ranges: the whole file is always a right answer.
  const part = Array.isArray(ranges) && ranges.type === 'bytes' && ranges.length === 1 ? ranges[0] : undefined
  const { start, end } = part ?? { start: 0, end: size - 1 }
  if (part) headers.set('content-range', `bytes ${start}-${end}/${size}`)
  headers.set('content-length', String(end - start + 1))
  const status = part ? 206 : 200
  if (c.req.method === 'HEAD') return c.body(null, { status, headers })
  return c.body(Readable.toWeb(createReadStream(path, { start, end })) as ReadableStream, { status, headers })
}

const names = (header: string | undefined, tag: string) =>
  header === '*' || header?.split(',').some((listed) => listed.trim().replace(/^W\//, '') === tag) === true

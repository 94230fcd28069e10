import { createReadStream, existsSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import type { MiddlewareHandler } from 'hono'

const forms = [
  ['br', '.br'],
  ['gzip', '.gz'],
] as const

const types: Readonly<Record<string, string>> = {
  wasm: 'application/wasm',
  js: 'text/javascript; charset=utf-8',
  mjs: 'text/javascript; charset=utf-8',
}

/**
 * WebAssembly and scripts that a production folder has in compressed forms only, because they are most of the site. Browsers
 * take these forms; for other clients they are expanded.
 */
export const compressedFiles =
  (root: string): MiddlewareHandler =>
  (c, next) => {
    const file = join(root, c.req.path)
    const [, ending = ''] = /^\/assets\/[\w.-]+\.(\w+)$/.exec(c.req.path) ?? []
    const type = types[ending]
    if (type === undefined || existsSync(file) || !existsSync(`${file}.gz`)) return next()
    const accepted = new Set(
      c.req
        .header('accept-encoding')
        ?.split(',')
        .map((encoding) => encoding.trim()),
    )
    const form = forms.find(([encoding, suffix]) => accepted.has(encoding) && existsSync(file + suffix))
    c.header('content-type', type)
    c.header('vary', 'Accept-Encoding')
    if (form) c.header('content-encoding', form[0])
    if (c.req.method === 'HEAD') return Promise.resolve(c.body(null))
    const stream = form
      ? createReadStream(file + form[1])
      : createReadStream(`${file}.gz`).pipe(createGunzip())
    return Promise.resolve(c.body(Readable.toWeb(stream) as ReadableStream))
  }

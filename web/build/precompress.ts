import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'
import type { Plugin } from 'vite'

const brotli = promisify(brotliCompress)
const deflate = promisify(gzip)

const compressible = /\.(?:js|mjs|css|html|wasm|svg|json)$/
/** Smaller files, in bytes, are not worth compressing. */
const minBytes = 1024

/** Brotli's qualities 10 and 11 would save 9% more and take eight times as long, for every build. */
const quality = 9

/** Writes `.br` and `.gz` files beside the site's files, so that the server need not compress answers. */
export const precompress = (): Plugin => ({
  name: 'spillway:precompress',
  apply: 'build',
  applyToEnvironment: ({ config }) => config.consumer === 'client',
  writeBundle: async ({ dir = '' }) => {
    const names = await readdir(dir, { recursive: true })
    for (const name of names) {
      // The build before this one, into the same folder, has compressed the files that both have.
      if (!compressible.test(name) || names.includes(`${name}.br`)) continue
      const path = join(dir, name)
      const bytes = await readFile(path)
      if (bytes.length < minBytes) continue
      const params = {
        [constants.BROTLI_PARAM_QUALITY]: quality,
        [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
      }
      const [br, gz] = await Promise.all([brotli(bytes, { params }), deflate(bytes, { level: 9 })])
      await Promise.all([writeFile(`${path}.br`, br), writeFile(`${path}.gz`, gz)])
    }
  },
})

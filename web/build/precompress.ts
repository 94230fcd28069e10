import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'
import type { Plugin } from 'vite'

const brotli = promisify(brotliCompress)
const deflate = promisify(gzip)

const compressible = /\.(?:js|mjs|css|html|wasm|svg|json)$/
const smallest = 1024

/** Brotli's 10 and 11 take eight times as long for 9% less: a build is waited for, too. */
const quality = 9

/** Writes `.br` and `.gz` beside what a browser loads, so that the server compresses nothing while it answers. */
export const precompress = (): Plugin => ({
  name: 'spillway:precompress',
  apply: 'build',
  applyToEnvironment: ({ name }) => name === 'client',
  writeBundle: async ({ dir = '' }) => {
    for (const name of await readdir(dir, { recursive: true })) {
      if (!compressible.test(name)) continue
      const path = join(dir, name)
      const bytes = await readFile(path)
      if (bytes.length < smallest) continue
      const params = {
        [constants.BROTLI_PARAM_QUALITY]: quality,
        [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
      }
      const [br, gz] = await Promise.all([brotli(bytes, { params }), deflate(bytes, { level: 9 })])
      await Promise.all([writeFile(`${path}.br`, br), writeFile(`${path}.gz`, gz)])
    }
  },
})

import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { Plugin } from 'vite'

const suffix = '?hashed'

/** `import file from 'NAME?hashed'` gives a file's address, size and SHA-256, so that its bytes can be verified. */
export const hashedFiles = (): Plugin => ({
  name: 'spillway:hashed-files',
  enforce: 'pre',
  resolveId: {
    filter: { id: /\?hashed$/ },
    async handler(source, importer) {
      const resolved = await this.resolve(source.slice(0, -suffix.length), importer, { skipSelf: true })
      return resolved ? `${resolved.id}${suffix}` : undefined
    },
  },
  load: {
    filter: { id: /\?hashed$/ },
    async handler(id) {
      const path = id.slice(0, -suffix.length)
      const bytes = await readFile(path)
      const facts = { size: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') }
      return `import url from ${JSON.stringify(`${path}?url`)}\nexport default { url, ...${JSON.stringify(facts)} }`
    },
  },
})

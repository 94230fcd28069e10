import { createHash } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Plugin } from 'vite'

/** The file with the hashes, beside the embed script. */
const listFile = 'integrity.json'

/**
 * Prints the hash of the embed script, for the attribute `integrity` of its tag. Writes those of all scripts that it and
 * the elements' script import, now or later, for the member `integrity` of the page's import map.
 */
export const integrity = (): Plugin => ({
  name: 'spillway:integrity',
  apply: 'build',
  applyToEnvironment: ({ name }) => name === 'client',
  writeBundle: {
    sequential: true,
    async handler({ dir = '' }, bundle) {
      const hashes: Record<string, string> = {}
      const visit = async (name: string) => {
        const chunk = bundle[name]
        if (chunk?.type !== 'chunk' || name in hashes) return
        hashes[name] = ''
        const bytes = await readFile(join(dir, name))
        hashes[name] = `sha384-${createHash('sha384').update(bytes).digest('base64')}`
        for (const imported of [...chunk.imports, ...chunk.dynamicImports]) await visit(imported)
      }
      for (const name of ['embed.js', 'elements.js']) await visit(name)
      await writeFile(join(dir, listFile), `${JSON.stringify(hashes, undefined, 2)}\n`)
      this.info(`embed.js has integrity="${hashes['embed.js']}"; ${listFile} has its imports'`)
    },
  },
})

import { brotliCompressSync } from 'node:zlib'
import type { Plugin, Rolldown } from 'vite'

/** The largest size of an entry's JavaScript before any model loads: bytes, compressed with brotli. */
export const pageLimit = 55_000

/** That of the script that has the elements alone: the runtime comes when one of them needs it. */
const elementsLimit = 15_000

const kilobytes = (bytes: number) => `${(bytes / 1000).toFixed(1)} kB`

/** Prints the size of each entry with its static imports, and fails the build past the limit. */
export const sizeLimit = (): Plugin => ({
  name: 'spillway:size-limit',
  apply: 'build',
  applyToEnvironment: ({ name }) => name === 'client',
  writeBundle(_options, bundle) {
    const chunks = Object.values(bundle).filter((output) => output.type === 'chunk')
    for (const entry of chunks.filter((chunk) => chunk.isEntry)) {
      const loaded = staticImports(entry, chunks)
      const size = loaded.reduce((sum, { code }) => sum + brotliCompressSync(code).length, 0)
      const limit = entry.name === 'elements' ? elementsLimit : pageLimit
      const line = `${entry.fileName} with its imports: ${kilobytes(size)} brotli, at most ${kilobytes(limit)}`
      if (size > limit) this.error(line)
      this.info(line)
    }
  },
})

function staticImports(
  entry: Rolldown.OutputChunk,
  chunks: readonly Rolldown.OutputChunk[],
): Rolldown.OutputChunk[] {
  const loaded = new Set([entry])
  for (const chunk of loaded) {
    for (const name of chunk.imports) {
      const imported = chunks.find(({ fileName }) => fileName === name)
      if (imported) loaded.add(imported)
    }
  }
  return [...loaded]
}

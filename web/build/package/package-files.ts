import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { type Plugin, type RolldownOptions, rolldown } from 'rolldown'
import { treeshake } from '../tree-shaking.ts'

/** ONNX Runtime's WebAssembly stays a file of its own, as in the site's build. */
export const inputOptions = {
  platform: 'browser',
  treeshake,
  resolve: {
    conditionNames: ['onnxruntime-web-use-extern-wasm', 'module', 'browser', 'import', 'production'],
  },
  logLevel: 'warn',
  // The directive of spillway/react stays the first line of its file.
  checks: { pluginTimings: false, moduleLevelDirective: false },
} satisfies RolldownOptions

/** A script of another format than ES modules has no `import.meta.url`, and no file of the package is found. */
const formatId = 'spillway:module-format'
const checkFormat = `if (!import.meta.url) throw new Error('Spillway finds its files by import.meta.url, which this bundle does not have: let the bundler write ES modules (format: "esm"), and load them by <script type="module">')`

const kinds = /\?(worker&url|url(?:&no-inline)?|hashed)$/
const handled = new RegExp(`^${formatId}$|${kinds.source}`)

/**
 * Emits the files that scripts import by `?worker&url`, `?url` and `?hashed`, as Vite does for the site. Their addresses
 * are written as `new URL('…', import.meta.url)`, by which every bundler finds files.
 */
export const packageFiles = (): Plugin => ({
  name: 'spillway:package-files',
  resolveId: {
    filter: { id: handled },
    async handler(source, importer) {
      if (source === formatId) return source
      const [query = ''] = kinds.exec(source) ?? []
      const resolved = await this.resolve(source.slice(0, -query.length), importer, { skipSelf: true })
      return resolved ? `${resolved.id}${query}` : undefined
    },
  },
  load: {
    filter: { id: handled },
    async handler(id) {
      if (id === formatId) return checkFormat
      const [query = '', kind] = kinds.exec(id) ?? []
      const path = id.slice(0, -query.length)
      const isWorker = kind === 'worker&url'
      const source = isWorker ? await workerScript(path) : await readFile(path)
      const fileName = `files/${isWorker ? scriptName(path) : assetName(path)}`
      const url = `import.meta.ROLLUP_FILE_URL_${this.emitFile({ type: 'asset', fileName, source })}`
      const check = `import '${formatId}'\n`
      if (kind !== 'hashed') return `${check}export default ${url}`
      const sha256 = createHash('sha256').update(source).digest('hex')
      return `${check}export default { url: ${url}, size: ${source.length}, sha256: ${JSON.stringify(sha256)} }`
    },
  },
})

/** `index.js` of a package has the package's name. It is loaded as an ES module, whatever it is written as. */
function assetName(path: string): string {
  const name = basename(path)
  return name === 'index.js' ? `${basename(dirname(dirname(path)))}.mjs` : name
}

/** `store-entry.ts` is `store.js`; the lane's entry has no name of its own. */
function scriptName(path: string): string {
  const name = basename(path, '.ts').replace(/-?entry$/, '')
  return `${name || 'lane'}.js`
}

/** The script of a worker in one file: a bundler copies it, and looks for no imports in it. */
async function workerScript(entry: string): Promise<string> {
  const bundle = await rolldown({ ...inputOptions, input: entry })
  try {
    const [chunk] = (await bundle.generate({ format: 'es', minify: true, codeSplitting: false })).output
    return chunk.code
  } finally {
    await bundle.close()
  }
}

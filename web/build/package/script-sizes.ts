import { readFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { brotliCompressSync } from 'node:zlib'
import * as esbuild from 'esbuild'

/**
 * Bytes of script that a page loads at its start, by the package's entry: minified, and compressed with brotli. Those of
 * `.` are all; those of another entry come on top of them.
 */
export async function scriptSizes(folder: string): Promise<ReadonlyMap<string, number>> {
  const { exports, peerDependencies = {} } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'))
  const entries = Object.entries<{ readonly default?: string }>(exports).flatMap(
    ([entry, { default: script }]) => (script === undefined ? [] : [[entry, script] as const]),
  )
  const { outputFiles, metafile } = await esbuild.build({
    absWorkingDir: folder,
    entryPoints: entries.map(([, script]) => script),
    bundle: true,
    format: 'esm',
    minify: true,
    splitting: true,
    write: false,
    metafile: true,
    outdir: join(folder, 'sizes'),
    outbase: folder,
    external: Object.keys(peerDependencies),
    logLevel: 'error',
  })
  const bytes = new Map(
    outputFiles.map(({ path, contents }) => [relative(folder, path), brotliCompressSync(contents).length]),
  )
  const loadedBy = (script: string) => {
    const loaded = new Set([join('sizes', script)])
    for (const name of loaded)
      for (const { path, kind } of metafile.outputs[name]?.imports ?? [])
        if (kind === 'import-statement') loaded.add(path)
    return loaded
  }
  const [, main = ''] = entries.find(([entry]) => entry === '.') ?? []
  const everyPage = loadedBy(main)
  const sizeOf = (scripts: Iterable<string>) =>
    [...scripts].reduce((sum, script) => sum + (bytes.get(script) ?? 0), 0)
  return new Map(
    entries.map(([entry, script]) => [
      entry,
      sizeOf(entry === '.' ? everyPage : [...loadedBy(script)].filter((name) => !everyPage.has(name))),
    ]),
  )
}

import { readFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { brotliCompressSync } from 'node:zlib'
import * as esbuild from 'esbuild'

/**
 * Bytes of script that a page loads at its start, by the package's entry: minified, and compressed with brotli. Those of
 * `.` are all, in an application that imports no other entry; those of another entry come on top of them.
 */
export async function scriptSizes(folder: string): Promise<ReadonlyMap<string, number>> {
  const { exports, peerDependencies = {} } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'))
  const scripts = Object.entries<{ readonly default?: string }>(exports).flatMap(
    // No page loads the server.
    ([entry, { default: script }]) =>
      script === undefined || entry === './server' ? [] : [[entry, script] as const],
  )
  const main = new Map(scripts).get('.') ?? ''
  const external = Object.keys(peerDependencies)
  const sizes = await Promise.all(
    scripts.map(async ([entry, script]) => {
      const of = await builtApplication(folder, external, entry === '.' ? [main] : [main, script])
      const everyPage = of.loadedBy(main)
      const counted =
        entry === '.' ? everyPage : [...of.loadedBy(script)].filter((name) => !everyPage.has(name))
      return [entry, of.bytesOf(counted)] as const
    }),
  )
  return new Map(sizes)
}

/** An application that imports these scripts of the package. */
async function builtApplication(
  folder: string,
  external: readonly string[],
  scripts: readonly string[],
): Promise<{ loadedBy(script: string): Set<string>; bytesOf(names: Iterable<string>): number }> {
  const { outputFiles, metafile } = await esbuild.build({
    absWorkingDir: folder,
    entryPoints: [...scripts],
    bundle: true,
    format: 'esm',
    minify: true,
    splitting: true,
    write: false,
    metafile: true,
    outdir: join(folder, 'sizes'),
    outbase: folder,
    external: [...external],
    logLevel: 'error',
  })
  const contents = new Map(outputFiles.map(({ path, contents }) => [relative(folder, path), contents]))
  return {
    loadedBy: (script) => {
      const loaded = new Set([join('sizes', script)])
      for (const name of loaded)
        for (const { path, kind } of metafile.outputs[name]?.imports ?? [])
          if (kind === 'import-statement') loaded.add(path)
      return loaded
    },
    bytesOf: (names) =>
      [...names].reduce((sum, name) => sum + brotliCompressSync(contents.get(name) ?? '').length, 0),
  }
}

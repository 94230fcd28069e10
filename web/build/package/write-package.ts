/**
 * Writes the package that pages install: `npm run build:package -- FOLDER`. Everything that a page needs is in it, the
 * runtime's WebAssembly included, and the server; it depends on no other package.
 */
import { execFile } from 'node:child_process'
import { cp, readFile, rm, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { rolldown } from 'rolldown'
import { dts } from 'rolldown-plugin-dts'
import { inputOptions, packageFiles } from './package-files.ts'
import { serverPeers, writeServer } from './write-server.ts'

const root = fileURLToPath(new URL('../../../', import.meta.url))

const entries = {
  index: join(root, 'web/api/index.ts'),
  ai: join(root, 'web/adapters/ai/index.ts'),
  elements: join(root, 'web/elements/index.ts'),
  embed: join(root, 'web/embed/embed-script.ts'),
  node: join(root, 'web/node/index.ts'),
  ort: join(root, 'web/adapters/ort/index.ts'),
  react: join(root, 'web/adapters/react/index.ts'),
  svelte: join(root, 'web/adapters/svelte/index.ts'),
  transformers: join(root, 'web/adapters/transformers/index.ts'),
  vue: join(root, 'web/adapters/vue/index.ts'),
}

/** The entry that programs in Node get in place of `node`. Its types are the same. */
const nodeEntry = { 'node-lanes': join(root, 'web/node/lanes/index.ts') }

/** Entries of onnxruntime-web, of which a bundler's alias makes `spillway/ort/wasm` and so on. */
const runtimeEntries = ['all', 'jspi', 'wasm', 'webgpu']

/** What only an adapter needs, by the versions that it works with. */
const peers = {
  '@ai-sdk/provider': '>=3',
  '@huggingface/transformers': '>=4',
  react: '>=18',
  svelte: '>=4',
  vue: '>=3.4',
}

export async function writePackage(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true })
  await writeScripts(folder)
  await writeTypes(folder)
  await writeServer(folder)
  const { name, version, description, license, type, engines } = JSON.parse(
    await readFile(join(root, 'package.json'), 'utf8'),
  )
  const peerDependencies = { ...peers, ...serverPeers }
  const exported = Object.keys(entries).map((entry) => [
    entry === 'index' ? '.' : `./${entry}`,
    {
      types: `./${entry}.d.ts`,
      ...(entry === 'node' && { node: './node-lanes.js' }),
      default: `./${entry}.js`,
    },
  ])
  const aliased = runtimeEntries.map((entry) => [
    `./ort/${entry}`,
    { types: './ort.d.ts', default: './ort.js' },
  ])
  const manifest = {
    name,
    version,
    description,
    license,
    type,
    engines,
    bin: { spillway: 'dist/server/spillway.js' },
    // The embed script sets a global, ONNX Runtime has a list of backends, and the server's scripts are processes.
    sideEffects: ['./embed.js', './ort.js', './dist/server/*.js'],
    peerDependencies,
    peerDependenciesMeta: Object.fromEntries(
      Object.keys(peerDependencies).map((peer) => [peer, { optional: true }]),
    ),
    exports: {
      ...Object.fromEntries([...exported, ...aliased]),
      './server': { types: './dist/server/index.d.ts', default: './dist/server/index.js' },
      './files/*.js': './files/*.js',
      './files/*.wasm': './files/*.wasm',
      './package.json': './package.json',
    },
  }
  await writeFile(join(folder, 'package.json'), `${JSON.stringify(manifest, undefined, 2)}\n`)
  for (const file of ['LICENSE', 'README.md']) await cp(join(root, file), join(folder, file))
}

const isPeer = (id: string): boolean =>
  Object.keys(peers).some((peer) => id === peer || id.startsWith(`${peer}/`))

async function writeScripts(dir: string): Promise<void> {
  const bundle = await rolldown({
    ...inputOptions,
    input: { ...entries, ...nodeEntry },
    external: (id) => isPeer(id) || id.startsWith('node:'),
    preserveEntrySignatures: 'strict',
    plugins: [packageFiles()],
  })
  try {
    await bundle.write({
      dir,
      format: 'es',
      entryFileNames: '[name].js',
      chunkFileNames: 'chunks/[name].js',
      // All entries share its version, and one entry its API.
      codeSplitting: {
        groups: [
          { name: 'onnxruntime-env', test: /\/onnxruntime-common\/dist\/esm\/(?:env|version)/, priority: 1 },
          { name: 'onnxruntime-common', test: /\/onnxruntime-common\// },
          // In one file: small ones compress worse.
          { name: 'error', test: /\/models\/(?:core\/(?:error|placement)|async\/import-code)\.ts$/ },
        ],
      },
      sourcemap: true,
      minify: { compress: true, mangle: false, codegen: false },
    })
  } finally {
    await bundle.close()
  }
}

/** What `spillway/ort` has the types of. */
const runtimeApi = 'onnxruntime-common'

/** Where `tsc -b` writes declarations. */
const declarations = join(root, 'node_modules/.cache/types')

/** Bundles the declarations of the entries. None of them may need a package that is no peer. */
async function writeTypes(dir: string): Promise<void> {
  const tsc = join(root, 'node_modules/@typescript/native/bin/tsc')
  await promisify(execFile)(process.execPath, [tsc, '-b', join(root, 'web')])
  const declaration = (source: string) => join(declarations, relative(root, source)).replace(/\.ts$/, '.d.ts')
  const bundle = await rolldown({
    ...inputOptions,
    input: Object.fromEntries(Object.entries(entries).map(([name, source]) => [name, declaration(source)])),
    external: (id) => /^[^./]/.test(id) && id !== runtimeApi,
    plugins: [dts({ dtsInput: true, tsconfig: false })],
  })
  try {
    await bundle.write({
      dir,
      format: 'es',
      chunkFileNames: 'chunks/[name].d.ts',
      // `Disposable` is in no library that projects have by default.
      banner: '/// <reference lib="esnext.disposable" />',
    })
  } finally {
    await bundle.close()
  }
}

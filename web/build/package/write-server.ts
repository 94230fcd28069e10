/**
 * Writes the server into the package: its scripts, with the packages that they import, and the models that they need.
 * They lie as in the repository, below `dist/server` and `models/catalogue`.
 */
import { cp, mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { rolldown } from 'rolldown'
import { dts } from 'rolldown-plugin-dts'
import { treeshake } from '../tree-shaking.ts'

const root = fileURLToPath(new URL('../../../', import.meta.url))

const scripts = {
  index: join(root, 'server/index.ts'),
  main: join(root, 'server/main.ts'),
  lane: join(root, 'workers/lane/node/entry.ts'),
  formats: join(root, 'workers/lane/node/formats-entry.ts'),
  offload: join(root, 'server/offload/entry.ts'),
  spillway: join(root, 'models/cli/main.ts'),
}

/** The model that a server tries each backend with. */
const models = ['digits']

/** Packages with native code or WebAssembly of their own, and one that few servers need: whoever uses them installs them. */
export const serverPeers = {
  hono: '>=4.12',
  ioredis: '>=5',
  'onnxruntime-node': '>=1.24',
  'onnxruntime-web': '>=1.24',
}

const isOutside = (id: string) => /^(?:ioredis|onnxruntime-(?:node|web))(?:\/|$)/.test(id)

export async function writeServer(folder: string): Promise<void> {
  const dir = join(folder, 'dist/server')
  await rm(dir, { recursive: true, force: true })
  const bundle = await rolldown({
    input: scripts,
    platform: 'node',
    external: isOutside,
    treeshake,
    logLevel: 'warn',
    checks: { pluginTimings: false },
  })
  try {
    await bundle.write({
      dir,
      format: 'es',
      entryFileNames: '[name].js',
      chunkFileNames: 'assets/[name].js',
      minify: { compress: true, mangle: false, codegen: true },
    })
  } finally {
    await bundle.close()
  }
  await writeTypes(dir)
  for (const model of models) {
    const path = join('models/catalogue', model)
    await mkdir(join(folder, path), { recursive: true })
    await cp(join(root, path), join(folder, path), { recursive: true })
  }
}

async function writeTypes(dir: string): Promise<void> {
  const bundle = await rolldown({
    input: { index: scripts.index },
    platform: 'node',
    external: (id) => /^[\w@]/.test(id),
    logLevel: 'warn',
    checks: { pluginTimings: false },
    plugins: [dts({ emitDtsOnly: true, tsconfig: join(root, 'server/tsconfig.json') })],
  })
  try {
    await bundle.write({ dir, format: 'es', chunkFileNames: 'assets/[name].d.ts' })
  } finally {
    await bundle.close()
  }
}

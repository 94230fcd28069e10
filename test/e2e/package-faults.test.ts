import { cp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { serveStatic } from '@hono/node-server/serve-static'
import * as esbuild from 'esbuild'
import { Hono } from 'hono'
import * as vite from 'vite'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { builtPackage } from '../support/built-package.ts'
import { writePage } from '../support/installed-package.ts'
import { listen } from '../support/listen.ts'
import { useSite } from '../support/site.ts'
import { emptyFolder } from '../support/test-models.ts'

const site = useSite()

let root: string
beforeAll(async () => {
  root = await emptyFolder()
})
afterAll(() => rm(root, { recursive: true }))

/** A folder of an application, with the package at a path in it. */
async function application(name: string, path = 'node_modules/spillway'): Promise<string> {
  const folder = join(root, name)
  await cp(builtPackage, join(folder, path), { recursive: true })
  return folder
}

/** Opens a folder's page, and resolves to what it says and throws until a line matches. */
async function linesUntil(folder: string, expected: RegExp): Promise<string> {
  const server = await listen(new Hono().use(serveStatic({ root: folder })))
  onTestFinished(() => server.close())
  const context = await site.browser.newContext()
  onTestFinished(() => context.close())
  const page = await context.newPage()
  const lines: string[] = []
  page.on('console', (message) => lines.push(message.text()))
  page.on('pageerror', ({ message }) => lines.push(message))
  await page.goto(server.url.href)
  await expect.poll(() => lines.join('\n')).toMatch(expected)
  return lines.join('\n')
}

/** A script that runs a model on the device, and says where, or why not. */
const running = (name: string) => `import { createRuntime } from '${name}'
async function run() {
  const runtime = await createRuntime({ server: ${JSON.stringify(site.server.url.href)}, policy: 'device', maxLanes: 1 })
  const model = await runtime.model('digits')
  const { placement } = await model.run({ image: new Float32Array(784) })
  console.log('answered', placement.tier, runtime.stats().device.lanes.length)
}
run().catch(({ code, message }) => console.log('failed', code, message))
`

/** Builds an application with Vite, which inlines the files that match. */
async function inline(app: string, files: RegExp): Promise<string> {
  await writeFile(join(app, 'main.js'), running('spillway'))
  await writePage(app, './main.js')
  const build = { assetsInlineLimit: (path: string) => files.test(path), minify: false }
  await vite.build({ root: app, configFile: false, logLevel: 'error', build })
  return join(app, 'dist')
}

describe('a bundler that', () => {
  test('writes another format than ES modules gets an error that says what to set', async () => {
    const app = await application('format')
    const [entry, outdir] = [join(app, 'main.js'), join(app, 'built')]
    await writeFile(entry, running('spillway'))
    await esbuild.build({ entryPoints: [entry], bundle: true, outdir, logLevel: 'silent' })
    await writePage(outdir, './main.js')
    expect(await linesUntil(outdir, /Spillway/)).toContain('format: "esm"')
  })

  test('inlined the scripts of workers runs them', async () => {
    const built = await inline(await application('scripts'), /\.m?js$/)
    expect(await linesUntil(built, /answered|failed/)).toContain('answered device 1')
  })

  test('inlined the WebAssembly gets an error that says what to set', async () => {
    const app = await application('wasm')
    // What is in them does not matter here, and 40 MB would take long to build.
    for (const build of ['jspi', 'asyncify'])
      await writeFile(join(app, `node_modules/spillway/files/ort-wasm-simd-threaded.${build}.wasm`), '\0asm')
    const lines = await linesUntil(await inline(app, /\.wasm$/), /answered|failed/)
    expect(lines).toContain('failed lane_failed')
    expect(lines).toContain('build.assetsInlineLimit of Vite')
  })
})

describe('on one page', () => {
  test('two versions warn, and each has lanes of its own', async () => {
    const folder = await application('versions', 'one')
    await application('versions', 'two')
    const chunk = join(folder, 'two/chunks/create-runtime.js')
    await writeFile(chunk, (await readFile(chunk, 'utf8')).replace('version: "0.1.0"', 'version: "0.2.0"'))
    for (const name of ['one', 'two'])
      await writeFile(join(folder, `${name}.js`), running(`./${name}/index.js`))
    await writePage(folder, './one.js', '<script type="module" src="./two.js"></script>')
    const lines = await linesUntil(folder, /answered[\s\S]*answered|failed/)
    expect(lines.match(/answered device 1/g)).toHaveLength(2)
    expect(lines.match(/Two copies of Spillway run on this page: .*/g)).toEqual([
      expect.stringMatching(/0\.[12]\.0 .* and 0\.[12]\.0 .* Load one copy of one version\.$/),
    ])
  })

  test('a package that only an adapter needs, and that is not there, is named', async () => {
    const folder = await application('peers', 'spillway')
    const adapters = ['ai', 'react', 'vue']
    const imports = adapters.map(
      (name) => `import('./spillway/${name}.js').catch(({ message }) => console.log('${name}:', message))`,
    )
    const script = `import { pipeline } from './spillway/transformers.js'
await Promise.all([${imports.join(', ')}])
pipeline('text-classification', 'a/b').catch(({ code, message }) => console.log('pipeline:', code, message))`
    await writeFile(join(folder, 'main.js'), script)
    await writePage(folder, './main.js')
    const lines = await linesUntil(folder, /pipeline:/)
    expect(lines).toMatch(/pipeline: not_supported .*npm install @huggingface\/transformers/)
    for (const [adapter, peer] of [
      ['ai', '@ai-sdk/provider'],
      ['react', 'react'],
      ['vue', 'vue'],
    ] as const)
      expect(lines).toMatch(new RegExp(`${adapter}: .*"${peer}"`))
  })
})

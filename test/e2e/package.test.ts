import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { serveStatic } from '@hono/node-server/serve-static'
import * as esbuild from 'esbuild'
import { Hono } from 'hono'
import ts from 'typescript'
import * as vite from 'vite'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import webpack from 'webpack'
import { type InstalledPackage, installPackage, writePage } from '../support/installed-package.ts'
import { listen } from '../support/listen.ts'
import { openPage } from '../support/page.ts'
import { useSite } from '../support/site.ts'

const site = useSite()

/** What a page author writes: the answer of the device and of the server, for the test to read. */
const program = (server: URL) => `import { createRuntime } from 'spillway'

const runtime = await createRuntime({ server: ${JSON.stringify(server.href)} })
const model = await runtime.model('digits')
const image = new Float32Array(28 * 28)
const here = await model.run({ image }, { policy: 'device' })
const there = await model.run({ image }, { policy: 'server' })
window.tiers = [here, there].map(({ placement, outputs }) => [placement.tier, outputs.logits.data.length])
`

let app: InstalledPackage
beforeAll(async () => {
  app = await installPackage(program(site.server.url))
})
afterAll(() => rm(app.folder, { recursive: true }))

/** Opens the page that a bundler has built, and waits for its answers. */
async function answersOf(url: URL): Promise<unknown> {
  const context = await site.browser.newContext()
  onTestFinished(() => context.close())
  const { page, errors } = await openPage(context, url)
  const answers = await page
    .waitForFunction(() => Reflect.get(window, 'tiers'), undefined, { timeout: 60_000 })
    .then((tiers) => tiers.jsonValue())
    .catch((cause: unknown) => {
      throw new Error(`The page gave no answers: ${errors.join(', ')}`, { cause })
    })
  expect(errors).toEqual([])
  return answers
}

async function answersOfFolder(folder: string): Promise<unknown> {
  const server = await listen(new Hono().use(serveStatic({ root: folder })))
  onTestFinished(() => server.close())
  return answersOf(server.url)
}

const bothTiers = [
  ['device', 10],
  ['server', 10],
]
const main = () => join(app.folder, 'src/main.js')

describe('the package, installed from its tarball, runs', () => {
  test('built by Vite', async () => {
    await writePage(app.folder, './src/main.js')
    await vite.build({ root: app.folder, configFile: false, logLevel: 'error' })
    expect(await answersOfFolder(join(app.folder, 'dist'))).toEqual(bothTiers)
  })

  test("on Vite's development server", async () => {
    await writePage(app.folder, './src/main.js')
    const server = await vite.createServer({
      root: app.folder,
      configFile: false,
      logLevel: 'error',
      server: { port: 0 },
    })
    onTestFinished(() => server.close())
    await server.listen()
    expect(await answersOf(new URL(server.resolvedUrls?.local[0] ?? ''))).toEqual(bothTiers)
  })

  test('built by webpack', async () => {
    const path = join(app.folder, 'webpack')
    const output = { path, filename: 'main.js' }
    const compiler = webpack({
      mode: 'production',
      context: app.folder,
      entry: main(),
      output,
      performance: false,
      // Half of the time, and nothing that this test is about.
      optimization: { minimize: false },
    })
    const stats = await promisify(compiler.run.bind(compiler))()
    await promisify(compiler.close.bind(compiler))()
    expect(stats?.toJson().errors).toEqual([])
    expect(stats?.toJson().warnings).toEqual([])
    await writePage(path, './main.js')
    expect(await answersOfFolder(path)).toEqual(bothTiers)
  })

  test('built by esbuild, which copies no files: the author copies them', async () => {
    const outdir = join(app.folder, 'esbuild')
    await esbuild.build({
      entryPoints: [main()],
      bundle: true,
      format: 'esm',
      outdir: join(outdir, 'scripts'),
      logLevel: 'error',
    })
    await cp(join(app.installed, 'files'), join(outdir, 'files'), { recursive: true })
    await writePage(outdir, './scripts/main.js')
    expect(await answersOfFolder(outdir)).toEqual(bothTiers)
  })

  test('without a bundler, by an import map', async () => {
    const folder = join(app.folder, 'static')
    await mkdir(folder)
    await cp(app.installed, join(folder, 'spillway'), { recursive: true })
    await cp(main(), join(folder, 'main.js'))
    const imports = JSON.stringify({ imports: { spillway: './spillway/index.js' } })
    await writePage(folder, './main.js', `<script type="importmap">${imports}</script>`)
    expect(await answersOfFolder(folder)).toEqual(bothTiers)
  })
})

describe('the package', () => {
  test.each([
    ['bundlers', ts.ModuleResolutionKind.Bundler, ts.ModuleKind.ESNext],
    ['Node', ts.ModuleResolutionKind.Node16, ts.ModuleKind.Node16],
  ])('has types that need no other package, as resolved by %s', async (_name, moduleResolution, module) => {
    const file = join(app.folder, 'src/typed.ts')
    await writeFile(
      file,
      `import { createRuntime, type Manifest, type RuntimeStats, SpillwayError } from 'spillway'
import { createRuntime as embedded } from 'spillway/embed'
import { defineElements, type SpillwayIntrinsicElements } from 'spillway/elements'
import { InferenceSession, Tensor } from 'spillway/ort'
import * as ort from 'spillway/ort/wasm'
const runtime = await createRuntime({ policy: 'device' })
export const stats: RuntimeStats = (await embedded()).stats()
defineElements(() => createRuntime())
export const said = (): string | undefined => document.querySelector('spillway-chat')?.messages[0]?.content
export const attributes: SpillwayIntrinsicElements['spillway-chat'] = { policy: 'device', 'max-tokens': 8 }
export const code = (error: unknown) => error instanceof SpillwayError && error.code === 'overloaded'
export const run = async (session: InferenceSession): Promise<ort.InferenceSession.ReturnType> =>
  session.run({ x: new Tensor('float32', [1], [1]) })
export const version = ({ version }: Manifest): string => version
// @ts-expect-error A version is a string.
export const wrong = ({ version }: Manifest): number => version
// @ts-expect-error There is no such policy.
runtime.policy = 'nowhere'
`,
    )
    const program = ts.createProgram([file], {
      strict: true,
      skipLibCheck: false,
      noEmit: true,
      target: ts.ScriptTarget.ES2022,
      module,
      moduleResolution,
      lib: ['lib.es2022.d.ts', 'lib.dom.d.ts', 'lib.dom.iterable.d.ts'],
      types: [],
    })
    const faults = ts.getPreEmitDiagnostics(program)
    expect(faults.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, ' '))).toEqual([])
  })

  test('is imported by Node, where it runs nothing', async () => {
    const spillway = await import(join(app.installed, 'index.js'))
    expect(Object.keys(spillway)).toEqual(['SpillwayError', 'createRuntime'])
    const { defineElements } = await import(join(app.installed, 'elements.js'))
    defineElements(() => spillway.createRuntime())
  })

  test('needs no other package', async () => {
    const { packages } = JSON.parse(await readFile(join(app.folder, 'package-lock.json'), 'utf8'))
    expect(Object.keys(packages)).toEqual(['', 'node_modules/spillway'])
  })

  test('has types that import none but those of its peers', async () => {
    const { peerDependencies } = JSON.parse(await readFile(join(app.installed, 'package.json'), 'utf8'))
    const files = (await readdir(app.installed, { recursive: true })).filter((name) => name.endsWith('.d.ts'))
    const sources = await Promise.all(files.map((name) => readFile(join(app.installed, name), 'utf8')))
    const imported = sources.flatMap((source) =>
      [...source.matchAll(/ from "([^."][^"]*)"/g)].map(([, name = '']) => name),
    )
    expect(imported.length).toBeGreaterThan(0)
    const isPeer = (name: string) =>
      Object.keys(peerDependencies).some((peer) => name === peer || name.startsWith(`${peer}/`))
    expect(imported.filter((name) => !isPeer(name))).toEqual([])
  })
})

import { execFile } from 'node:child_process'
import { mkdir, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import ts from 'typescript'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../../models/async/clock.ts'
import { Formats } from '../../workers/lane/format/formats.ts'
import { startFormatWorker } from '../../workers/lane/node/start-format-worker.ts'
import { block, readDocument } from '../support/documents.ts'
import { filesBelow } from '../support/files-below.ts'
import { type InstalledPackage, installPackage } from '../support/installed-package.ts'
import { startProgram } from '../support/start-program.ts'
import { copyDigits } from '../support/test-models.ts'

const run = promisify(execFile)
const modules = join(import.meta.dirname, '../../node_modules')

let app: InstalledPackage
beforeAll(async () => {
  app = await installPackage('')
})
afterAll(() => rm(app.folder, { recursive: true }))

/** Gives the application packages of this repository. */
async function link(...names: readonly string[]): Promise<void> {
  for (const name of names) {
    const path = join(app.folder, 'node_modules', name)
    await mkdir(dirname(path), { recursive: true })
    await symlink(join(modules, name), path)
  }
}

/** What a program prints that `spillway/node` makes of a server. */
async function placed(server: string, model: string): Promise<string> {
  const file = join(app.folder, 'client.mjs')
  await writeFile(
    file,
    `import { createRuntime } from 'spillway/node'
const runtime = await createRuntime({ server: '${server}' })
const model = await runtime.model('${model}')
const { placement, outputs } = await model.run({ image: new Float32Array(784) })
console.log(placement.tier, placement.backend, outputs.logits.data.length)
runtime.dispose()`,
  )
  return (await run(process.execPath, [file])).stdout
}

const spillway = () => join(app.folder, 'node_modules/.bin/spillway')

describe('the package, installed without onnxruntime-node', () => {
  test('has the command, which looks into models', async () => {
    const { stdout } = await run('npx', ['--offline', 'spillway', '--help'], { cwd: app.folder })
    expect(stdout).toContain('serve [options] [folders...]')
    const models = join(app.installed, 'models/catalogue/digits')
    expect((await run(spillway(), ['verify', models])).stdout).toContain('what the manifest says')
  })

  test.each([
    ['starts a server', 'serve'],
    ['runs a model', 'compare', 'a.onnx', 'b.onnx'],
  ])('says what to install where the command %s', async (_what, ...args) => {
    const [file = ''] = filesBelow(join(app.installed, 'models/catalogue'), '.onnx')
    const given = args.map((arg) => (arg.endsWith('.onnx') ? file : arg))
    const failed = await run(spillway(), given).catch((cause: unknown) => cause)
    expect(failed).toMatchObject({ code: 1 })
    expect(JSON.stringify(failed)).toContain('npm install onnxruntime-node')
  })

  test('takes a page author at most 60 MB', async ({ annotate }) => {
    const sizes = await Promise.all(
      filesBelow(app.installed, '').map(async (file) => (await stat(file)).size),
    )
    const bytes = sizes.reduce((sum, size) => sum + size, 0)
    const packed = (await stat(app.tarball)).size
    annotate(`${(packed / 1e6).toFixed(1)} MB packed, ${(bytes / 1e6).toFixed(1)} MB installed`)
    expect(packed).toBeLessThan(15e6)
    expect(bytes).toBeLessThan(60e6)
  })
})

describe('the package, with onnxruntime-node', () => {
  beforeAll(() => link('onnxruntime-node', 'hono', '@hono/node-server', '@types/node', 'undici-types'))

  test('serves a folder of models by its command, until it is told to end', async () => {
    const models = await copyDigits((manifest) => ({ ...manifest, id: 'ours' }))
    const command = [spillway(), 'serve', models, '--port', '0'] as const
    const server = await startProgram(command, /listens on (http:[^"]+)"/, { cwd: app.folder })
    onTestFinished(() => void server.stop())
    const [, url = ''] = server.match
    expect(await placed(`${url}/`, 'ours')).toBe('server cpu 10\n')
    expect((await fetch(`${url}/models/digits/manifest.json`)).status).toBe(200)
    expect(await server.stop()).toBe(0)
  })

  test('has the thread that holds texts to their formats', async () => {
    const script = join(app.folder, 'node_modules/spillway/dist/server/formats.js')
    const formats = new Formats(startFormatWorker(pathToFileURL(script)), systemClock, 3)
    onTestFinished(() => formats.close())
    const format = { format: { type: 'choice', choice: ['b'] }, vocabulary: '\na\nb' } as const
    const { allowed } = await formats.hold(format, [0], [])
    expect(allowed?.mask[0]).toBe(4)
  })

  test("is a part of the application in the server's guide", async () => {
    const guide = block(await readDocument('server/README.md'), 'js', "from 'spillway/server'")
    const models = await copyDigits((manifest) => ({ ...manifest, id: 'ours' }))
    const file = join(app.folder, 'guide.mjs')
    const script = guide.replace("'./models'", JSON.stringify(models)).replace('3000', '0')
    await writeFile(
      file,
      `${script}\nserver.once('listening', () => console.log('at', server.address().port))`,
    )
    const host = await startProgram([process.execPath, file], /^at (\d+)$/m)
    onTestFinished(() => void host.stop())
    const url = `http://localhost:${host.match[1]}`
    expect(await (await fetch(`${url}/`)).text()).toBe('The application')
    await expect.poll(async () => (await fetch(`${url}/ai/v2/health/ready`)).status).toBe(200)
    expect(await placed(`${url}/ai/`, 'ours')).toBe('server cpu 10\n')
    const missing = await fetch(`${url}/ai/v2/nothing`)
    expect([missing.status, missing.headers.get('spillway-error')]).toEqual([404, 'request_malformed'])
    // Its lanes end, and nothing else keeps it.
    expect(await host.stop()).toBe(0)
  })

  test('refuses options of createServer that there are not, or that the application decides', async () => {
    const { createServer } = await import(join(app.installed, 'dist/server/index.js'))
    const refused = (options: object) => createServer(options).catch(({ message }: Error) => message)
    expect(await refused({ port: 80 })).toContain('createServer() has no option "port"')
    expect(await refused({ maxQueue: 1 })).toContain('createServer() has no option "maxQueue"')
    expect(await refused({ maxQueued: 0 })).toContain('"maxQueued" in the options of createServer()')
    expect(await refused({ models: ['nowhere'], log: false })).toContain('nowhere')
  })

  test('has types of its entries for programs', async () => {
    const file = join(app.folder, 'src/typed.ts')
    await writeFile(
      file,
      `import { Hono } from 'hono'
import { createRuntime, type Runtime } from 'spillway/node'
import { createServer, type ServerOptions, type SpillwayServer } from 'spillway/server'
const options: ServerOptions = { models: ['models'], maxQueued: 10, backend: 'cpu', log: false }
const server: SpillwayServer = await createServer(options)
export const app = new Hono().route('/ai', server.app)
export const runtime: Runtime = await createRuntime({ server: 'http://localhost/' })
export const withLanes: Runtime = await createRuntime({ lanes: true, cache: new URL('file:///models'), maxLanes: 2 })
// @ts-expect-error The application listens.
await createServer({ port: 80 })
// @ts-expect-error There is no such backend.
await createServer({ backend: 'npu' })
// @ts-expect-error A program has no page whose server would be the default.
await createRuntime({})
`,
    )
    const program = ts.createProgram([file], {
      strict: true,
      exactOptionalPropertyTypes: true,
      skipLibCheck: true,
      noEmit: true,
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.Node16,
      moduleResolution: ts.ModuleResolutionKind.Node16,
      lib: ['lib.es2023.d.ts', 'lib.dom.d.ts', 'lib.dom.iterable.d.ts'],
      types: ['node'],
      typeRoots: [join(app.folder, 'node_modules/@types')],
    })
    const faults = ts.getPreEmitDiagnostics(program)
    expect(faults.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, ' '))).toEqual([])
  })
})

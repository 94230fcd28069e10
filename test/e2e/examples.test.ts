import { execFile } from 'node:child_process'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { serveStatic } from '@hono/node-server/serve-static'
import { Hono } from 'hono'
import type { Page } from 'playwright-core'
import { build } from 'vite'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { copyExample, packagesWithSpillway } from '../support/example-app.ts'
import { writePage } from '../support/installed-package.ts'
import { listen } from '../support/listen.ts'
import { openPage } from '../support/page.ts'
import { useSite } from '../support/site.ts'
import { startProgram } from '../support/start-program.ts'

const run = promisify(execFile)
const site = useSite()
const catalogue = join(import.meta.dirname, '../../models/catalogue')

let packages: string
beforeAll(async () => {
  packages = await packagesWithSpillway([
    '@hono/node-server',
    'hono',
    'onnxruntime-node',
    'react',
    'react-dom',
    'scheduler',
    'ai',
    '@ai-sdk/provider',
  ])
})
afterAll(() => rm(dirname(packages), { recursive: true }))

/** Builds an example as its README says, and opens it. */
async function openExample(name: string): Promise<{ page: Page; errors: string[] }> {
  return openBuilt(await copyExample(name, packages))
}

/** Builds an application, and opens it beside the models of the catalogue. */
async function openBuilt(root: string): Promise<{ page: Page; errors: string[] }> {
  vi.stubEnv('VITE_SPILLWAY_SERVER', site.server.url.href)
  onTestFinished(() => void vi.unstubAllEnvs())
  await build({ root, configFile: false, logLevel: 'error' })
  const app = new Hono()
    .use(
      '/models/*',
      serveStatic({ root: catalogue, rewriteRequestPath: (path) => path.slice('/models'.length) }),
    )
    .use(serveStatic({ root: join(root, 'dist') }))
  const server = await listen(app)
  onTestFinished(() => server.close())
  const context = await site.browser.newContext()
  onTestFinished(() => context.close())
  return openPage(context, server.url)
}

describe('the example of', () => {
  test('React writes a text, runs a model and shows stats, in strict mode', async () => {
    const { page, errors } = await openExample('react')
    const part = (name: string) => page.locator(`[data-part="${name}"]`)
    await expect.poll(() => part('status').textContent()).toContain('ready')
    await page.getByRole('button', { name: 'Write' }).click()
    await expect.poll(() => part('text').textContent()).toMatch(/\w{3}/)
    await page.getByRole('button', { name: 'Stop' }).waitFor()
    await page.getByRole('button', { name: 'Write' }).waitFor()
    expect(await part('placement').textContent()).toMatch(/device|server/i)
    await page.getByRole('button', { name: 'Classify' }).click()
    await expect.poll(() => part('logits').textContent()).toBe('10 numbers')
    await expect.poll(() => part('requests').textContent()).toBe('Runs answered: 1')
    expect(errors).toEqual([])
  })
})

/** Why a client cannot be tried here; undefined where it can. */
async function absent(program: string): Promise<string | undefined> {
  return run(program, ['--version']).then(
    () => undefined,
    () => `${program} is not installed`,
  )
}
const examples = join(import.meta.dirname, '../../web/examples')

describe('the example', () => {
  test('of Hono has a server below a path of its own, and ends with its lanes', async () => {
    const folder = await copyExample('hono', packages)
    const program = await startProgram(['node', join(folder, 'server.js')], /is at (\S+)\n/, {
      env: { PORT: '0' },
    })
    onTestFinished(() => void program.stop())
    const url = new URL(program.match[1] ?? '')
    expect(await (await fetch(url)).text()).toBe('The models are below /ai.')
    await expect.poll(async () => (await fetch(new URL('ai/v2/health/ready', url))).status).toBe(200)
    expect(await program.stop()).toBe(0)
  })

  test('in Python runs a model, streams a text and reads an error', async ({ skip }) => {
    const reason = await absent('python3')
    if (reason) skip(reason)
    const { stdout } = await run('python3', [join(examples, 'python/client.py')], {
      env: { ...process.env, SPILLWAY_SERVER: site.server.url.href },
    })
    expect(stdout).toMatch(/^logits \[1, 10\]\ntext '.*\w.*'\nerror 404 model_unknown .+\n$/)
  })

  test('for curl asks for readiness, a model, a run and a text', async ({ skip }) => {
    const reason = await absent('curl')
    if (reason) skip(reason)
    const { stdout } = await run('sh', [join(examples, 'curl/requests.sh')], {
      env: { ...process.env, SPILLWAY_SERVER: site.server.url.href },
    })
    const [ready = '', model = '', answer = '', ...text] = stdout.split('\n')
    expect(JSON.parse(ready)).toEqual({ ready: true })
    expect(JSON.parse(model)).toMatchObject({ name: 'digits' })
    expect(JSON.parse(answer)).toMatchObject({ outputs: [{ name: 'logits', shape: [1, 10] }] })
    expect(text.join('\n')).toContain('data: [DONE]')
  })
})

test("the guide's block for the AI SDK writes a text into the page, without a server", async () => {
  const guide = await readFile(join(import.meta.dirname, '../../web/adapters/README.md'), 'utf8')
  const blocks = guide.split('```js\n').map((part) => part.slice(0, part.indexOf('```')))
  const block = blocks.find((text) => text.includes("from 'spillway/ai'")) ?? ''
  const root = join(dirname(packages), 'ai')
  await mkdir(root)
  await writeFile(join(root, 'main.js'), block)
  await writePage(root, './main.js')
  const { page, errors } = await openBuilt(root)
  await expect.poll(() => page.locator('body').textContent()).toMatch(/\w{3,}/)
  expect(errors).toEqual([])
})

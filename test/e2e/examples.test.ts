import { execFile } from 'node:child_process'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { block, readDocument } from '../support/documents.ts'
import { copyExample, packagesWithSpillway } from '../support/example-app.ts'
import { buildByVite, type ExamplePage, nameServer, openFolder } from '../support/example-page.ts'
import { startHub } from '../support/hub.ts'
import { writePage } from '../support/installed-package.ts'
import { installNext, startNext } from '../support/next-app.ts'
import { openPage } from '../support/page.ts'
import { routeHub } from '../support/route-hub.ts'
import { sentenceTransformer } from '../support/sentence-transformer.ts'
import { useSite } from '../support/site.ts'
import { startProgram } from '../support/start-program.ts'

const run = promisify(execFile)
const site = useSite()

let packages: string
beforeAll(async () => {
  packages = await packagesWithSpillway([
    '@hono/node-server',
    'hono',
    'onnxruntime-node',
    'react',
    'react-dom',
    'scheduler',
    'svelte',
    '@sveltejs/vite-plugin-svelte',
    'vue',
    '@vitejs/plugin-vue',
    'ai',
    '@ai-sdk/provider',
    '@ai-sdk/react',
    '@huggingface/transformers',
  ])
})
afterAll(() => rm(dirname(packages), { recursive: true }))

/** Builds an application by Vite, and opens it. */
const openBuilt = async (root: string): Promise<ExamplePage> =>
  openFolder(site.browser, await buildByVite(root, site.server.url))

/** Opens an example that is not built. */
async function openPlain(name: string): Promise<ExamplePage> {
  const folder = await copyExample(name, packages)
  await nameServer(folder, site.server.url)
  return openFolder(site.browser, folder)
}

describe('the example of', () => {
  test.each([
    { framework: 'React in strict mode', name: 'react' },
    { framework: 'Vue', name: 'vite-vue' },
    { framework: 'Svelte', name: 'svelte' },
  ])('$framework writes a text, runs a model and shows stats', async ({ name }) => {
    const { page, errors } = await openBuilt(await copyExample(name, packages))
    const part = (name: string) => page.locator(`[data-part="${name}"]`)
    await expect.poll(() => part('status').textContent()).toContain('ready')
    // Waited for before it can come: the text may be short.
    const begun = page.getByRole('button', { name: 'Stop' }).waitFor()
    await page.getByRole('button', { name: 'Write' }).click()
    await begun
    await page.getByRole('button', { name: 'Write' }).waitFor()
    expect(await part('text').textContent()).toMatch(/\w{3}/)
    expect(await part('placement').textContent()).toMatch(/device|server/i)
    await page.getByRole('button', { name: 'Classify' }).click()
    await expect.poll(() => part('logits').textContent()).toBe('10 numbers')
    await expect.poll(() => part('requests').textContent()).toBe('Requests answered: 2')
    expect(errors).toEqual([])
  })

  test('Next.js renders a page on the server, whose client component writes a text', {
    timeout: 300_000,
  }, async ({ skip }) => {
    skip(process.env.SPILLWAY_TEST_NEXTJS === undefined, 'It installs 341 MB: `npm run test:next` runs it')
    const folder = await copyExample('nextjs', packages)
    const missing = await installNext(folder, join(packages, 'spillway'))
    skip(missing !== undefined, missing)
    const context = await site.browser.newContext()
    onTestFinished(() => context.close())
    const url = await startNext(folder, site.server.url)
    expect(await (await fetch(url)).text()).toContain('<button type="button">Write</button>')
    const { page, errors } = await openPage(context, url)
    await page.getByRole('button', { name: 'Write' }).click()
    await expect.poll(() => page.locator('[data-part="text"]').textContent()).toMatch(/\w{3}/)
    expect(await page.getByRole('status').textContent()).toMatch(/device|server/i)
    expect(errors).toEqual([])
  })

  test('a plain page writes a text after its prompt, and says where', async () => {
    const { page, errors } = await openPlain('plain')
    await page.getByLabel('Begin with').fill('Once')
    await page.getByRole('button', { name: 'Write' }).click()
    await expect.poll(() => page.locator('#text').textContent()).toMatch(/^Once.{20}/s)
    expect(await page.getByRole('status').textContent()).toMatch(/device|server/i)
    expect(errors).toEqual([])
  })

  test('an import map runs a model from the package, without a build', async () => {
    const { page, errors } = await openPlain('import-map')
    await page.getByRole('button', { name: 'Classify' }).click()
    await expect
      .poll(() => page.getByRole('status').textContent())
      .toMatch(/^10 numbers\. .*(device|server)/i)
    expect(errors).toEqual([])
  })

  test('the AI SDK chats on the device, with no server', async () => {
    const { page, errors } = await openBuilt(await copyExample('ai-chat', packages))
    const answers = page.locator('[data-role="assistant"]')
    for (const turn of [0, 1]) {
      await page.getByLabel('Message').fill('To be, or not')
      await page.getByRole('button', { name: 'Send' }).click()
      await expect
        .poll(() =>
          answers
            .nth(turn)
            .textContent()
            .catch(() => ''),
        )
        .toMatch(/\w{3}/)
      await page.getByRole('button', { name: 'Send' }).and(page.locator(':enabled')).waitFor()
    }
    expect(await page.getByRole('alert').count()).toBe(0)
    expect(errors).toEqual([])
  })

  test('transformers.js compares texts by a model of the hub', async () => {
    const source = await readDocument('web/examples/transformers/src/compare.js')
    const [model = ''] = /Xenova\/[\w.-]+/.exec(source) ?? []
    const { repository } = sentenceTransformer({ words: 200, width: 32, heads: 4, layers: 1, context: 64 })
    const hub = await startHub({ [model]: repository })
    onTestFinished(() => hub.stop())
    const folder = await buildByVite(await copyExample('transformers', packages), site.server.url)
    const { page, errors } = await openFolder(site.browser, folder, (context) => routeHub(context, hub))
    await page.getByText('Ready').waitFor()
    for (const field of await page.getByRole('textbox').all()) await field.fill('The same words')
    await page.getByRole('button', { name: 'Compare' }).click()
    await expect.poll(() => page.getByRole('status').textContent()).toBe('Alike by 100%')
    expect(errors).toEqual([])
  })

  test('a worker has a runtime of its own, and runs a thousand pictures', async () => {
    const { page, errors } = await openBuilt(await copyExample('worker', packages))
    await page.getByRole('button', { name: 'Classify' }).click()
    await expect
      .poll(() => page.getByRole('status').textContent())
      .toMatch(/^1000 answers\. .*(device|server)/i)
    expect(errors).toEqual([])
  })

  test('a service worker lets the second visit run its model without a network', async () => {
    const { page, errors, cut } = await openPlain('service-worker')
    await page.getByText('Ready').waitFor()
    cut()
    await page.context().setOffline(true)
    await page.reload()
    await page.getByRole('button', { name: 'Classify' }).click()
    await expect.poll(() => page.getByRole('status').textContent()).toMatch(/^10 numbers\. .*WebAssembly/)
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
    // Python shows a text with an apostrophe in double quotes.
    expect(stdout).toMatch(/^logits \[1, 10\]\ntext (['"]).*\w.*\1\nerror 404 model_unknown .+\n$/)
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
  const guide = await readDocument('web/adapters/README.md')
  const root = join(dirname(packages), 'ai')
  await mkdir(root)
  await writeFile(join(root, 'main.js'), block(guide, 'js', "from 'spillway/ai'"))
  await writePage(root, './main.js')
  const { page, errors } = await openBuilt(root)
  await expect.poll(() => page.locator('body').textContent()).toMatch(/\w{3,}/)
  expect(errors).toEqual([])
})

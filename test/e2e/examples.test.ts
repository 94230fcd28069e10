import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { copyExample, packagesWithSpillway } from '../support/example-app.ts'
import { buildByVite, type ExamplePage, nameServer, openFolder } from '../support/example-page.ts'
import { writePage } from '../support/installed-package.ts'
import { useSite } from '../support/site.ts'

const site = useSite()

let packages: string
beforeAll(async () => {
  packages = await packagesWithSpillway(['react', 'react-dom', 'scheduler', 'ai', '@ai-sdk/provider'])
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
  test('React writes a text, runs a model and shows stats, in strict mode', async () => {
    const { page, errors } = await openBuilt(await copyExample('react', packages))
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

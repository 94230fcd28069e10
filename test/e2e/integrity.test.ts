import type { BrowserContext } from 'playwright-core'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import '../../web/embed/window-global.ts'
import { block, readDocument } from '../support/documents.ts'
import { openHtml } from '../support/html-page.ts'
import { runDigits } from '../support/run-digits.ts'
import { useSite } from '../support/site.ts'

const site = useSite()

let context: BrowserContext
beforeEach(async () => {
  context = await site.browser.newContext()
})
afterEach(() => context.close())

const address = (name: string) => new URL(name, site.server.url).href
const wrong = `sha384-${'A'.repeat(64)}`

/** By the path of each script, as the build has written them. */
const hashes = async (): Promise<Record<string, string>> => (await fetch(address('integrity.json'))).json()

/** The guide's page, with these hashes. */
async function open(byPath: Readonly<Record<string, string>>) {
  const { 'embed.js': embed = '', ...imports } = byPath
  const byAddress = Object.fromEntries(Object.entries(imports).map(([path, hash]) => [address(path), hash]))
  const body = block(await readDocument('web/README.md'), 'html', 'importmap')
    .replace(/\{ "https:[^}]*\}/, JSON.stringify(byAddress))
    .replace('https://models.example/embed.js', address('embed.js'))
    .replace(/integrity="[^"]*"/, `integrity="${embed}"`)
  expect(body).not.toContain('models.example')
  const settled = '<script type="module">window.settled = true</script>'
  const guest = await openHtml(context, { '/': { body: body + settled } })
  await guest.page.waitForFunction(() => Reflect.get(window, 'settled'))
  return guest
}

describe('a page that pins the hashes of the scripts', () => {
  test('runs models with the hashes of the build', async () => {
    const byPath = await hashes()
    expect(Object.keys(byPath)).toEqual(
      expect.arrayContaining([
        'embed.js',
        expect.stringContaining('assets/runtime'),
        expect.stringContaining('assets/manifest-schema'),
      ]),
    )
    const { page, said, errors } = await open(byPath)
    expect((await runDigits(page, { policy: 'server' })).placement.tier).toBe('server')
    expect([said, errors]).toEqual([[], []])
  })

  test('runs no embed script of another hash', async () => {
    const { page, said } = await open({ ...(await hashes()), 'embed.js': wrong })
    expect(await page.evaluate(() => 'spillway' in window)).toBe(false)
    expect(said.join()).toContain('integrity')
  })

  test.each(['assets/runtime', 'assets/manifest-schema'])('runs no %s of another hash', async (start) => {
    const byPath = await hashes()
    const imported = Object.keys(byPath).find((path) => path.startsWith(start)) ?? expect.fail(start)
    const { page, said } = await open({ ...byPath, [imported]: wrong })
    const code = await page.evaluate(async () =>
      'spillway' in window ? spillway.model('digits').then(String, ({ code }) => code) : 'no runtime',
    )
    expect(code).toBe(start === 'assets/runtime' ? 'no runtime' : 'server_unreachable')
    expect(said.join()).toContain('integrity')
  })
})

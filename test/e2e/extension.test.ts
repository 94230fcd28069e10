import { createHash } from 'node:crypto'
import { cp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'
import { expect, onTestFinished, test } from 'vitest'
import { browserFlags, findWholeBrowser } from '../support/find-browser.ts'
import { useSite } from '../support/site.ts'
import { emptyFolder } from '../support/test-models.ts'

const site = useSite()
const build = fileURLToPath(new URL('../../dist/site/', import.meta.url))

/** Chromium names an unpacked extension by its folder. */
const idOf = (folder: string) =>
  [...createHash('sha256').update(folder).digest('hex').slice(0, 32)]
    .map((digit) => String.fromCharCode(97 + Number.parseInt(digit, 16)))
    .join('')

test("the runtime runs models on the device in an extension's page", async () => {
  const [folder, profile] = [await emptyFolder(), await emptyFolder()]
  await cp(join(build, 'embed.js'), join(folder, 'embed.js'))
  await cp(join(build, 'assets'), join(folder, 'assets'), { recursive: true })
  const manifest = {
    manifest_version: 3,
    name: 'Guest',
    version: '1',
    content_security_policy: { extension_pages: "script-src 'self' 'wasm-unsafe-eval'" },
  }
  await writeFile(join(folder, 'manifest.json'), JSON.stringify(manifest))
  await writeFile(join(folder, 'page.html'), '<!doctype html><script type="module" src="page.js"></script>')
  await writeFile(
    join(folder, 'page.js'),
    `import { createRuntime } from './embed.js'
    const runtime = await createRuntime({ server: '${site.server.url.href}' })
    const model = await runtime.model('digits')
    const run = (policy) => model.run({ image: new Float32Array(784) }, { policy })
    const answers = [await run('device'), await run('server')]
    window.tiers = answers.map(({ placement }) => placement.tier)`,
  )
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: findWholeBrowser(),
    args: [...browserFlags, `--disable-extensions-except=${folder}`, `--load-extension=${folder}`],
    ignoreDefaultArgs: ['--disable-extensions'],
  })
  onTestFinished(async () => {
    await context.close()
    await Promise.all([folder, profile].map((path) => rm(path, { recursive: true })))
  })
  const page = await context.newPage()
  const errors: string[] = []
  page.on('pageerror', ({ message }) => errors.push(message))
  await page.goto(`chrome-extension://${idOf(folder)}/page.html`)
  const tiers = await page.waitForFunction(() => Reflect.get(window, 'tiers'))
  expect(await tiers.jsonValue()).toEqual(['device', 'server'])
  expect(errors).toEqual([])
})

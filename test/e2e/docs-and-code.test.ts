import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Page } from 'playwright-core'
import { describe, expect, onTestFinished, test } from 'vitest'
import { siteRoutes } from '../../server/routes/site.ts'
import { accessibilityFaults } from '../support/accessibility.ts'
import { recordLayoutShifts, shiftsOf } from '../support/layout-shift.ts'
import { listen } from '../support/listen.ts'
import { openPage } from '../support/page.ts'
import { useSite, useVisit } from '../support/site.ts'

const site = useSite()
const visit = useVisit(site)

describe('the guides', () => {
  test('are read without a script, from one to the next, and by an error code', async () => {
    const context = await site.browser.newContext({ javaScriptEnabled: false })
    // Without the slash, the links of the page would lead elsewhere.
    const { page } = await openPage(context, new URL('docs', site.server.url))
    const title = page.locator('#guide-title')
    expect(await title.textContent()).toBe('Start')
    await page.getByRole('link', { name: 'Next' }).click()
    expect(await title.textContent()).toBe('Embed')
    await page.getByRole('navigation', { name: 'Guides' }).getByText('Troubleshooting').click()
    await page.goto(new URL('docs/errors.html#overloaded', site.server.url).href)
    expect(await page.locator(':target').textContent()).toBe('overloaded')
    expect(await page.locator('script').count()).toBe(0)
    await context.close()
  })

  test('explain the error codes of the OpenAPI document, which leads there', async () => {
    const url = new URL('openapi.json', site.server.url)
    const { externalDocs } = await (await fetch(url)).json()
    const guide = await (await fetch(new URL(externalDocs.url, url))).text()
    expect(guide).toContain('id="overloaded"')
  })

  test('fit small and large windows, move nothing, and have no accessibility violation', async () => {
    const context = await site.browser.newContext({ bypassCSP: true })
    await recordLayoutShifts(context)
    const { page, errors } = await openPage(context, new URL('docs/errors.html', site.server.url))
    for (const width of [320, 1280]) {
      await page.setViewportSize({ width, height: 800 })
      for (const name of ['server', 'scaling', 'embed']) {
        await page.goto(new URL(`docs/${name}.html`, site.server.url).href)
        expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width)
        expect(await shiftsOf(page)).toEqual([])
      }
      expect(await accessibilityFaults(page)).toEqual([])
    }
    expect(errors).toEqual([])
    await context.close()
  })

  test('move nothing where a page comes in two parts, in small and large windows', async () => {
    const routes = siteRoutes(fileURLToPath(new URL('../../dist/site', import.meta.url)))
    let start = ''
    const inParts = async (url: string) => {
      const response = await routes.request(url)
      if (!response.headers.get('content-type')?.startsWith('text/html')) return response
      const html = await response.text()
      const second = html.indexOf(start, html.indexOf('<header'))
      if (second < 0) return new Response(`The page has no ${start}`, { status: 500 })
      const body = new ReadableStream<string>({
        async start(controller) {
          controller.enqueue(html.slice(0, second))
          // Long enough for a browser to show what it has.
          await setTimeout(300)
          controller.enqueue(html.slice(second))
          controller.close()
        },
      }).pipeThrough(new TextEncoderStream())
      return new Response(body, { headers: response.headers })
    }
    const server = await listen({ fetch: ({ url }) => inParts(url) })
    onTestFinished(() => server.close())
    await recordLayoutShifts(visit.context)
    const page = await visit.context.newPage()
    for (const width of [320, 1280]) {
      await page.setViewportSize({ width, height: 800 })
      for (start of ['<h1>', '<p>', '<nav', '<a', '</header>']) {
        const response = await page.goto(new URL('docs/server.html', server.url).href)
        expect(response?.status(), start).toBe(200)
        expect(await shiftsOf(page), `${start} at ${width} pixels`).toEqual([])
      }
    }
  })

  test('are where the code of an error on a page leads', async () => {
    visit.proxy.fault = (_method, path) => (path.includes('/models/') ? 'missing' : 'pass')
    const { page } = await openPage(visit.context, new URL('vision.html', visit.proxy.url))
    const code = page.getByTestId('error').locator('code a')
    await code.waitFor()
    const name = (await code.textContent()) ?? ''
    await code.click()
    expect(await page.locator(':target').textContent()).toBe(name)
  })
})

describe('the page of code', () => {
  const openCode = async () => {
    const opened = await openPage(visit.context, new URL('code.html', visit.proxy.url))
    await ready(opened.page)
    return opened
  }
  /** The page's script has come: before, keys on its tabs do nothing. */
  const ready = (page: Page) => page.locator('[role=tab][tabindex="-1"]').first().waitFor()
  const run = async (page: Page, source?: string) => {
    if (source !== undefined) await page.getByTestId('source').fill(source)
    await page.getByTestId('run').click()
  }
  const printed = (page: Page) => expect.poll(() => page.getByTestId('output').textContent())
  const failure = (page: Page) => expect.poll(() => page.getByTestId('failure').textContent())
  const ran = (page: Page) => expect.poll(() => page.getByTestId('ran').textContent())

  test('runs each program with the page’s runtime, and says where', async () => {
    await recordLayoutShifts(visit.context)
    const { page, errors } = await openCode()
    for (const [name, words] of [
      ['payment', /^Probability of fraud 0\.[5-9]\d\n\w.+/],
      ['digit', /^It is a 1\nAnswered in \d+ ms\n\w.+/],
      ['text', /^Once upon a time.{20,}\n\w.+/s],
    ] as const) {
      await page.getByTestId(`program-${name}`).click()
      await run(page)
      await ran(page).toMatch(/^Ended after/)
      await printed(page).toMatch(words)
    }
    await page.locator('[data-testid=placement][data-tier]').waitFor()
    expect(Number(await page.getByTestId('spillway').getAttribute('data-server'))).toBeGreaterThanOrEqual(0)
    expect(await shiftsOf(page)).toEqual([])
    await page.setViewportSize({ width: 390, height: 844 })
    await page.reload()
    await ready(page)
    expect(await shiftsOf(page)).toEqual([])
    expect(errors).toEqual([])
  })

  test('shows an error of the program with its line, and one of the runtime with its guide', async () => {
    const { page } = await openCode()
    await run(page, 'const a = 1\nconst b = (')
    await failure(page).toMatch(/^Line 2: SyntaxError: \w/)
    await run(page, "console.log('before')\n\nnothing()")
    await failure(page).toMatch(/^Line 3: ReferenceError: nothing is not defined/)
    await printed(page).toBe('before\n')
    await run(page, "const model = await spillway.model('digits')\nawait model.run({ image: [1] })")
    await failure(page).toMatch(/input_type_invalid$/)
    const guide = page.getByTestId('failure').getByRole('link')
    expect(await guide.getAttribute('href')).toBe('./docs/errors.html#input_type_invalid')
  })

  test('keeps a program from the page, from its storage and from the network', async () => {
    const { page } = await openCode()
    const reach = (expression: string) =>
      `try { console.log(await (${expression})) } catch (error) { console.log(error.name) }`
    const { href } = visit.proxy.url
    const tries = [
      'parent.document.title',
      'localStorage.length',
      'indexedDB.open("a") && 1',
      `fetch('${href}v2')`,
      `import('${href}embed.js')`,
      "eval('1')",
    ]
    await run(page, tries.map(reach).join('\n'))
    await ran(page).toMatch(/^Ended after/)
    const lines = ((await page.getByTestId('output').textContent()) ?? '').trim().split('\n')
    expect(lines).toHaveLength(tries.length)
    for (const line of lines) expect(line).toMatch(/^(?:SecurityError|TypeError|EvalError)$/)
  })

  test('stops a program with its requests', async () => {
    const { page } = await openCode()
    await run(page, "console.log('on')\nawait new Promise(() => {})")
    await printed(page).toBe('on\n')
    await page.getByTestId('stop').click()
    await ran(page).toBe('Stopped')
    expect(await page.locator('iframe').count()).toBe(0)
  })

  test('shows other ways as tabs, fits small and large windows, and has no accessibility violation', async () => {
    const { page } = await openCode()
    await page.getByRole('tab', { name: 'In a page' }).press('ArrowRight')
    const react = page.getByRole('tabpanel', { name: 'React' })
    expect(await react.locator('code').textContent()).toContain("from 'spillway/react'")
    expect(await page.getByTestId('source').isVisible()).toBe(false)
    for (const [width, name] of [
      [1280, 'Python'],
      [320, 'In a page'],
    ] as const) {
      await page.setViewportSize({ width, height: 800 })
      await page.getByRole('tab', { name }).click()
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width)
      expect(await accessibilityFaults(page)).toEqual([])
    }
  })
})

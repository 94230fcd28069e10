import type { BrowserContext } from 'playwright-core'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import '../../web/embed/window-global.ts'
import type { Runtime, RuntimeOptions } from '../../web/api/index.ts'
import { block, readDocument } from '../support/documents.ts'
import { openHtml } from '../support/html-page.ts'
import { failDigits, runDigits } from '../support/run-digits.ts'
import { useSite } from '../support/site.ts'

const site = useSite()
const embed = (query = '') => new URL(`embed.js${query}`, site.server.url).href
const tag = (attributes = '', query = '') =>
  `<script type="module" src="${embed(query)}" ${attributes}></script>`

declare global {
  /** The script's own, which `open` puts here. */
  var createRuntime: (options?: RuntimeOptions) => Promise<Runtime>
}

let context: BrowserContext
beforeEach(async () => {
  context = await site.browser.newContext()
})
afterEach(() => context.close())

/** Opens a page, and offers its scripts the `createRuntime` of the embed script that came last. */
async function open(html: string, last = embed()) {
  const script = `<script type="module">import { createRuntime } from '${last}'; Object.assign(window, { createRuntime })</script>`
  const guest = await openHtml(context, {
    '/': { body: `<!doctype html><title>Guest</title>${html}${script}` },
  })
  await guest.page.waitForFunction(() => 'createRuntime' in window)
  return guest
}

describe("the embed script's tag", () => {
  test('takes options, which are also those of createRuntime by default', async () => {
    const attributes = `data-policy="device" data-max-lanes="1" data-hub="https://mirror.example" data-models="${new URL('models/', site.server.url).href}"`
    const { page, said, errors } = await open(tag(attributes))
    const asked: string[] = []
    await context.route('https://mirror.example/**', (route, request) => {
      asked.push(request.url())
      return route.fulfill({ status: 404 })
    })
    expect((await runDigits(page)).placement.tier).toBe('device')
    const policies = await page.evaluate(async () => {
      const [own, changed] = [await createRuntime(), await createRuntime({ policy: 'server' })]
      return [spillway.policy, own.policy, changed.policy]
    })
    expect(policies).toEqual(['device', 'device', 'server'])
    const code = await page.evaluate(() => spillway.model('hf:a/b').catch(({ code }) => code))
    expect(code).toBe('model_unknown')
    expect(asked[0]).toContain('https://mirror.example/api/models/a/b')
    expect(await page.evaluate(() => spillway.stats().device.lanes.length)).toBe(1)
    expect([...said, ...errors].filter((line) => !line.includes('404'))).toEqual([])
  })

  test.each([
    ['data-policy="cloud"', 'policy is unknown'],
    ['data-max-lanes="many"', 'maxLanes is out of range'],
    ['data-hub="nowhere"', 'hub.endpoint is no address'],
    ['data-models="http://"', 'An address is invalid'],
    ['data-key="sk_secret"', 'key is no key for pages'],
  ])('with %s says so on the console, and calls reject with the same error', async (attributes, message) => {
    const { page, said, errors } = await open(tag(attributes))
    const failure = await failDigits(page)
    expect(failure).toMatchObject({ code: 'input_value_invalid' })
    expect(failure.message).toContain(`The tag of ${embed()} has a wrong data attribute: ${message}`)
    expect(said.join()).toContain(message)
    expect(said.join()).not.toContain('sk_secret')
    expect(errors).toEqual([])
    const other = await page.evaluate(() => createRuntime().catch(({ code }) => code))
    expect(other).toBe('input_value_invalid')
  })

  test('dispatches spillway:ready once the global is set', async () => {
    const example = block(await readDocument('web/README.md'), 'html', 'spillway:ready')
    const { page, said } = await open(example.replace('http://localhost:8080/embed.js', embed()))
    await expect.poll(() => said).toEqual(['log: prefer-device'])
    const isGlobal = `<script>addEventListener('spillway:ready', ({ detail }) => { console.log(detail === spillway) })</script>`
    await page.goto('about:blank')
    expect((await open(isGlobal + tag())).said).toEqual(['log: true'])
  })

  test('without type="module" sets nothing, and the error and the first line of the file name modules', async () => {
    const body = `<script src="${embed()}"></script>`
    const { page, errors } = await openHtml(context, { '/': { body } })
    expect(errors).toEqual([expect.stringContaining('outside a module')])
    expect(await page.evaluate(() => 'spillway' in window)).toBe(false)
    const source = await (await fetch(embed())).text()
    expect(source.slice(0, 200)).toContain('<script type="module" src="…/embed.js">')
  })
})

describe('two copies of the embed script', () => {
  test('leave the first global in place and warn; their lanes are their own', async () => {
    const { page, said, errors } = await open(
      `${tag()}<script type="module">window.first = spillway</script>${tag('data-policy="device"', '?v=2')}`,
      embed('?v=2'),
    )
    expect(await page.evaluate(() => Reflect.get(window, 'first') === spillway)).toBe(true)
    expect(said).toEqual([expect.stringContaining(`warning: Spillway is on this page already`)])
    expect(said[0]).toContain(embed('?v=2'))
    const lanes = await page.evaluate(async () => {
      const second = await createRuntime({ maxLanes: 1 })
      const model = await second.model('digits')
      const { placement } = await model.run({ image: new Float32Array(784) })
      return [placement.reason, second.stats().device.lanes.length, spillway.stats().device.lanes.length]
    })
    expect(lanes).toEqual(['policy', 1, 0])
    expect(errors).toEqual([])
  })

  test('say nothing where the second is only imported', async () => {
    const { said } = await open(tag(), embed('?v=2'))
    expect(said).toEqual([])
  })

  test('an element of the page called spillway is no copy', async () => {
    const { page, said } = await open(`<div id="spillway"></div>${tag()}`)
    await page.waitForFunction(() => 'model' in spillway)
    expect(said).toEqual([])
  })
})

describe('dispose()', () => {
  test('ends calls in work as closed, and may be called twice', async () => {
    const { page, errors } = await open(tag('data-policy="device"'))
    const codes = await page.evaluate(async () => {
      const model = await spillway.model('digits')
      const code = (call: Promise<unknown>) => call.then(String, (cause) => cause.code)
      const runs = [0, 1, 2].map(() => code(model.run({ image: new Float32Array(784) })))
      spillway.dispose()
      spillway.dispose()
      spillway.close()
      const later = [code(model.run({ image: new Float32Array(784) })), code(spillway.model('digits'))]
      return Promise.all([...runs, ...later])
    })
    expect(codes).toEqual(Array.from({ length: 5 }, () => 'closed'))
    expect(errors).toEqual([])
    const ended = await page.evaluate(async () => {
      const runtime = await createRuntime()
      runtime[Symbol.dispose]()
      return runtime.model('digits').catch(({ code }) => code)
    })
    expect(ended).toBe('closed')
  })
})

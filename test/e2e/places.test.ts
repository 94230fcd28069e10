import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Browser, Frame, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import '../../web/embed/window-global.ts'
import { launchBrowser, runtimeReady } from '../support/page.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { emptyFolder } from '../support/test-models.ts'

interface Route {
  readonly body: string
  readonly type?: string
  readonly policy?: string
}

let server: TestServer
let browser: Browser
let host: Server
let hostUrl: string
let embed: string
let workerScript: string

beforeAll(async () => {
  ;[server, browser] = await Promise.all([startServer(), launchBrowser()])
  embed = new URL('embed.js', server.url).href
  const guest = `<!doctype html><html lang="en"><title>Guest</title><script type="module" src="${embed}"></script><body>`
  const trustedTypes = "require-trusted-types-for 'script'"
  workerScript = `
    const answer = import('${embed}').then(async ({ createRuntime }) => {
      const runtime = await createRuntime({ policy: 'device' })
      const digits = await runtime.model('digits')
      const { placement } = await digits.run({ image: new Float32Array(784) })
      spillway.policy = 'device'
      const bard = await spillway.model('bard')
      const { text } = await bard.generate({ prompt: 'To be', maxTokens: 4, temperature: 0 }).result
      const persisted = await runtime.storage.persist()
      runtime.close()
      return [placement.tier + '/' + placement.backend, text.length > 0, persisted].join(' ')
    })
    answer.catch((error) => error.stack).then(postMessage)`
  const routes: Readonly<Record<string, Route>> = {
    '/guest': { body: guest },
    '/sandboxed': { body: '<!doctype html><iframe sandbox="allow-scripts" src="/guest"></iframe>' },
    '/csp-sandbox': { body: guest, policy: 'sandbox allow-scripts' },
    '/trusted-types': { body: guest, policy: `${trustedTypes}; trusted-types spillway` },
    '/default-policy': {
      body: guest.replace(
        '<title>',
        "<script>trustedTypes.createPolicy('default', { createScriptURL: (url) => url })</script><title>",
      ),
      policy: `${trustedTypes}; trusted-types default`,
    },
    '/worker.js': { body: workerScript, type: 'text/javascript' },
  }
  host = createServer((request, response) => {
    const route = routes[request.url ?? '']
    response.statusCode = route ? 200 : 404
    response.setHeader('content-type', route?.type ?? 'text/html')
    if (route?.policy) response.setHeader('content-security-policy', route.policy)
    response.end(route?.body)
  })
  host.listen(0, '127.0.0.1')
  await once(host, 'listening')
  hostUrl = `http://127.0.0.1:${(host.address() as AddressInfo).port}`
  await writeFile(join(folder, 'page.html'), guest)
})
afterAll(async () => {
  await browser.close()
  host.close()
  await server.stop()
})

const folder = await emptyFolder()

async function open(path: string): Promise<Page | Frame> {
  const context = await browser.newContext()
  onTestFinished(() => context.close())
  const page = await context.newPage()
  await page.goto(path.startsWith('/') ? hostUrl + path : path)
  const frame = page.frames().find((each) => each.parentFrame()) ?? page
  return frame
}

const blobOf = (frame: Page | Frame) =>
  frame.evaluate((code) => URL.createObjectURL(new Blob([code], { type: 'text/javascript' })), workerScript)
const dataOf = async () => `data:text/javascript,${encodeURIComponent(workerScript)}`

/** Where a picture runs that may run on the device only; or its error. */
async function placeOf(frame: Page | Frame): Promise<string> {
  await runtimeReady(frame)
  return frame.evaluate(async () => {
    try {
      spillway.policy = 'device'
      const model = await spillway.model('digits')
      const { placement } = await model.run({ image: new Float32Array(784) })
      return `${placement.tier}/${placement.backend}`
    } catch (error) {
      return String(error)
    }
  })
}

describe('models run on the device', () => {
  test.each([
    ['a page of another origin', '/guest'],
    ['a page whose policy says sandbox', '/csp-sandbox'],
    ['a file', pathToFileURL(join(folder, 'page.html')).href],
    ['a page with Trusted Types that lists the policy "spillway"', '/trusted-types'],
    ['a page with Trusted Types and a default policy', '/default-policy'],
  ])('in %s', async (_name, path) => {
    expect(await placeOf(await open(path))).toBe('device/wasm')
  })

  test('in a frame with sandbox="allow-scripts", which has no storage and is said not to keep the model', async () => {
    const frame = await open('/sandboxed')
    await runtimeReady(frame)
    const seen = await frame.evaluate(async () => {
      const reports: boolean[] = []
      await spillway.model('digits', { onProgress: ({ isKept }) => reports.push(isKept) })
      const model = await spillway.model('digits')
      const { placement } = await model.run({ image: new Float32Array(784) }, { policy: 'device' })
      return { reports, place: `${placement.tier}/${placement.backend}` }
    })
    expect(seen.place).toBe('device/wasm')
    expect(seen.reports).toContain(false)
    expect(seen.reports).not.toContain(true)
  })

  test.each([
    ["a page's own worker", '/guest', async () => '/worker.js'],
    ['a worker from a blob', '/guest', blobOf],
    ['a worker from a data: address in a sandboxed frame', '/sandboxed', dataOf],
  ])('in %s, texts included', async (_name, path, address) => {
    const frame = await open(path)
    const from = await address(frame)
    const answer = frame.evaluate(
      (script) =>
        new Promise((resolve) => {
          const worker = new Worker(script, { type: 'module' })
          worker.onmessage = ({ data }) => resolve(data)
          worker.onerror = ({ message }) => resolve(message)
        }),
      from,
    )
    expect(await answer).toBe('device/wasm true false')
  })
})

describe('the embed script', () => {
  test('can be imported where there is no page, and sets no global there', async () => {
    const script: typeof import('../../web/embed/embed-script.ts') = await import(
      pathToFileURL(join(import.meta.dirname, '../../dist/site/embed.js')).href
    )
    expect(script.createRuntime).toBeTypeOf('function')
    expect('spillway' in globalThis).toBe(false)
  })
})

test('the package can be imported where there is no page, and refuses addresses without an origin', async () => {
  const { createRuntime } = await import('../../web/api/index.ts')
  await expect(createRuntime()).rejects.toMatchObject({ code: 'input_value_invalid' })
  const runtime = await createRuntime({ server: server.url, policy: 'server' })
  expect(runtime.policy).toBe('server')
  runtime.close()
})

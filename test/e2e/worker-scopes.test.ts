import type { BrowserContext } from 'playwright-core'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openHtml } from '../support/html-page.ts'
import { useSite } from '../support/site.ts'

const site = useSite()

let context: BrowserContext
beforeEach(async () => {
  context = await site.browser.newContext()
})
afterEach(() => context.close())

/** Answers each message, a policy, with where a picture ran and why, or with the error's code. */
const worker = (script: string, listen: string) => `
import { createRuntime } from '${new URL(script, site.server.url).href}'
const place = async (policy) => {
  const runtime = await createRuntime({ policy, maxLanes: 1 })
  try {
    const model = await runtime.model('digits')
    await model.load().catch(() => {})
    const { placement } = await model.run({ image: new Float32Array(784) })
    const { tier } = await runtime.advise('digits')
    return [placement.tier, placement.reason, tier, typeof spillway.model].join(' ')
  } catch (error) {
    return error.code + ' ' + error.message
  } finally {
    runtime.dispose()
  }
}
${listen}`
const page = (start: string) =>
  `<!doctype html><title>Guest</title><script type="module">${start}; window.place = (policy) => new Promise((resolve) => {
    port.onmessage = ({ data }) => resolve(data)
    port.postMessage(policy)
  })</script>`

async function openWith(start: string, script: string) {
  const { page: opened, errors } = await openHtml(context, {
    '/': { body: page(start) },
    '/worker.js': { body: script },
  })
  await opened.waitForFunction(() => 'place' in window)
  return {
    place: (policy: string): Promise<string> =>
      opened.evaluate((policy) => Reflect.get(window, 'place')(policy), policy),
    errors,
  }
}

describe('the runtime', () => {
  test('runs models on the device in a dedicated worker', async () => {
    const { place, errors } = await openWith(
      "const port = new Worker('/worker.js', { type: 'module' })",
      worker('embed.js', 'onmessage = async ({ data }) => postMessage(await place(data))'),
    )
    expect(await place('device')).toBe('device policy device function')
    expect(errors).toEqual([])
  })

  // Chromium's shared workers start no workers, as service workers never do.
  test.each([
    [
      'a shared worker',
      "const { port } = new SharedWorker('/worker.js', { type: 'module' })",
      'embed.js',
      'onconnect = ({ ports: [port] }) => { port.onmessage = async ({ data }) => port.postMessage(await place(data)) }',
    ],
    [
      'a service worker',
      `await navigator.serviceWorker.register('/worker.js', { type: 'module' })
       const { active } = await navigator.serviceWorker.ready
       const port = { postMessage: (data) => active.postMessage(data) }
       navigator.serviceWorker.onmessage = (event) => port.onmessage(event)`,
      'embed-service-worker.js',
      'onmessage = ({ data, source }) => { place(data).then((answer) => source.postMessage(answer)) }',
    ],
  ])(
    'asks the server in %s, and says why the device cannot run models there',
    async (_name, start, script, listen) => {
      const { place, errors } = await openWith(start, worker(script, listen))
      expect(await place('auto')).toBe('server device-without-workers server function')
      expect(await place('device')).toMatch(
        /^capacity_insufficient .*expected workers, got a place that starts none/,
      )
      expect(errors).toEqual([])
    },
  )
})

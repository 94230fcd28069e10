import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import OpenAI from 'openai'
import type { Page } from 'playwright-core'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Policy } from '../../web/api/index.ts'
import type {} from '../../web/embed/window-global.ts'
import { type OpenAiClientSubject, openAiClientContract } from '../contract/openai-client.ts'
import { bardManifest, bardsWithTemplates } from '../support/bard-variants.ts'
import { openPage, runtimeReady } from '../support/page.ts'
import { useSite } from '../support/site.ts'
import { writeEmbedder } from '../support/write-model.ts'

const template =
  "{% for m in messages %}{{ m['content'] }}{% endfor %}{% if loud is true %} And then he cried:{% endif %}"

/** `chatty` has one variant, which all backends run, so that its texts are the same on both tiers. */
async function models(): Promise<string> {
  const folder = await bardsWithTemplates({ chatty: template })
  const path = join(folder, 'chatty/manifest.json')
  const manifest = JSON.parse(await readFile(path, 'utf8'))
  const [variant] = bardManifest.variants.filter(({ id }) => id === 'q4-wasm')
  const variants = [{ ...variant, id: 'q4', backends: ['wasm', 'cpu'] }]
  await writeFile(path, JSON.stringify({ ...manifest, variants }))
  const size = { words: 300, width: 8, heads: 2, layers: 1, context: 64 }
  await writeEmbedder(folder, 'embedder', { ...size, pooling: 'mean', normalize: true })
  return folder
}

const site = useSite(async () => ({ SPILLWAY_MODELS: await models() }))
let client: OpenAI
let page: Page
beforeAll(async () => {
  client = new OpenAI({ apiKey: 'none', baseURL: new URL('v1', site.server.url).href, maxRetries: 0 })
  ;({ page } = await openPage(await site.browser.newContext(), new URL('digits.html', site.server.url)))
  await runtimeReady(page)
})

/** The `openai` package. */
const inNode: OpenAiClientSubject = {
  create: async (call, request) => {
    const { chat, completions, embeddings } = client
    const resource = { 'chat.completions': chat.completions, completions, embeddings }[call]
    try {
      const answer = await Reflect.apply(resource.create, resource, [request])
      if (!(Symbol.asyncIterator in answer)) return answer
      const events: unknown[] = []
      for await (const event of answer) events.push(event)
      return events
    } catch (cause) {
      if (!(cause instanceof OpenAI.APIError)) throw cause
      return Promise.reject({ code: cause.code, param: cause.param ?? null })
    }
  },
  leave: async (request, how) => {
    const { completions } = client.chat
    const stream = await Reflect.apply(completions.create, completions, [request])
    let events = 0
    for await (const _ of stream) {
      events++
      if (events < 2) continue
      if (how === 'break') break
      stream.controller.abort()
    }
    return events
  },
}

/** `runtime.openai` of the page. */
const inPage = (policy: Policy): OpenAiClientSubject => ({
  create: async (call, request) => {
    const outcome = await page.evaluate(
      async ({ call, request, policy }) => {
        const { chat, completions, embeddings } = window.spillway.openai
        const resource = { 'chat.completions': chat.completions, completions, embeddings }[call]
        try {
          const answer = await Reflect.apply(resource.create, resource, [request, { policy }])
          if (!(Symbol.asyncIterator in answer)) return { answer }
          const events: unknown[] = []
          for await (const event of answer) events.push(event)
          return { answer: events }
        } catch (cause) {
          const { code, detail, message } = Object(cause)
          if (!detail) throw cause
          return { error: { code, param: detail.param ?? null }, message }
        }
      },
      { call, request, policy },
    )
    if ('error' in outcome) return Promise.reject(outcome.error)
    return outcome.answer
  },
  leave: (request, how) =>
    page.evaluate(
      async ({ request, how, policy }) => {
        const { completions } = window.spillway.openai.chat
        const stream = await Reflect.apply(completions.create, completions, [request, { policy }])
        let events = 0
        for await (const _ of stream) {
          events++
          if (events < 2) continue
          if (how === 'break') break
          stream.controller.abort()
        }
        return events
      },
      { request, how, policy },
    ),
})

openAiClientContract('the openai package at the server', inNode)
openAiClientContract('runtime.openai on the device', inPage('device'), inNode)
openAiClientContract('runtime.openai at the server', inPage('server'), inNode)

describe('a call of runtime.openai', () => {
  /** The code of its error. */
  const refusedAs = (options: 'aborted' | 'aborts' | 'late' | 'misspelled') =>
    page.evaluate(async (options) => {
      const controller = new AbortController()
      const { signal } = controller
      if (options === 'aborted') controller.abort()
      const named: Readonly<Record<typeof options, object>> = {
        aborted: { signal },
        aborts: { signal },
        late: { timeout: 1 },
        misspelled: { timeoutMs: 1 },
      }
      const messages = [{ role: 'user' as const, content: 'Once' }]
      const request = { model: 'chatty', messages, max_tokens: 400, ignore_eos: true }
      const call = window.spillway.openai.chat.completions.create(request, named[options])
      if (options === 'aborts') setTimeout(() => controller.abort(), 20)
      return call.then(
        () => 'answered',
        ({ code }) => code,
      )
    }, options)

  test.each([
    ['aborted', 'aborted'],
    ['aborts', 'aborted'],
    ['late', 'deadline_exceeded'],
    ['misspelled', 'input_name_invalid'],
  ] as const)('that is %s rejects as %s', async (options, code) => {
    expect(await refusedAs(options)).toBe(code)
  })

  test('loads its code with the first of them', async () => {
    const { page } = await openPage(await site.browser.newContext(), new URL('digits.html', site.server.url))
    await runtimeReady(page)
    const scripts = () =>
      page.evaluate(() => performance.getEntriesByType('resource').map(({ name }) => name).length)
    const before = await scripts()
    await page.evaluate(() =>
      window.spillway.openai.embeddings.create({ model: 'embedder', input: [] }).catch(() => undefined),
    )
    expect(await scripts()).toBeGreaterThan(before)
  })
})

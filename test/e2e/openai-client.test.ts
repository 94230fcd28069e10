import { cp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import OpenAI from 'openai'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { SpillwayError } from '../../models/core/index.ts'
import type { Policy, Runtime } from '../../web/api/index.ts'
import type {} from '../../web/embed/window-global.ts'
import { startWithLanes } from '../../web/node/lanes/start-with-lanes.ts'
import {
  eventsRead,
  type OpenAiCall,
  type OpenAiClientSubject,
  openAiClientContract,
} from '../contract/openai-client.ts'
import { bardManifest, bardsWithTemplates } from '../support/bard-variants.ts'
import { openBarePage } from '../support/page.ts'
import { laneEntry } from '../support/process-lane.ts'
import { useSite } from '../support/site.ts'
import { digitsFolder } from '../support/test-models.ts'
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
  await cp(digitsFolder, join(folder, 'digits'), { recursive: true })
  return folder
}

let folder: string
const site = useSite(async () => {
  folder = await models()
  return { SPILLWAY_MODELS: folder }
})
let client: OpenAI
let program: Runtime
let page: Page
beforeAll(async () => {
  program = startWithLanes({ lanes: true, models: folder }, laneEntry)
  client = new OpenAI({ apiKey: 'none', baseURL: new URL('v1', site.server.url).href, maxRetries: 0 })
  ;({ page } = await openBarePage(await site.browser.newContext(), site.server.url))
})

type Resource = Readonly<Record<'create', (...request: never[]) => unknown>>
interface Client {
  readonly chat: { readonly completions: Resource }
  readonly completions: Resource
  readonly responses: Resource
  readonly embeddings: Resource
}

function resourceOf({ chat, completions, responses, embeddings }: Client, call: OpenAiCall) {
  return { 'chat.completions': chat.completions, completions, responses, embeddings }[call]
}

/** A client of this process. @param refusalOf What the contract knows of its errors; undefined for others. */
const subjectOf = (
  client: () => Client,
  refusalOf: (cause: unknown) => object | undefined,
): OpenAiClientSubject => ({
  create: async (call, request) => {
    const resource = resourceOf(client(), call)
    try {
      const answer = await Reflect.apply(resource.create, resource, [request])
      if (!(Symbol.asyncIterator in answer)) return answer
      const events: unknown[] = []
      for await (const event of answer) events.push(event)
      return events
    } catch (cause) {
      return Promise.reject(refusalOf(cause) ?? cause)
    }
  },
  leave: async (call, request, how) => {
    const resource = resourceOf(client(), call)
    const stream = await Reflect.apply(resource.create, resource, [request])
    let events = 0
    for await (const _ of stream) {
      events++
      if (events < eventsRead) continue
      if (how === 'break') break
      stream.controller.abort()
    }
    return events
  },
})

/** The `openai` package. */
const inNode = subjectOf(
  () => client,
  (cause) =>
    cause instanceof OpenAI.APIError ? { code: cause.code, param: cause.param ?? null } : undefined,
)

/** `runtime.openai` of a program that has lanes and no server. */
const inProgram = subjectOf(
  () => program.openai,
  (cause) =>
    cause instanceof SpillwayError ? { code: cause.code, param: cause.detail.param ?? null } : undefined,
)

/** `runtime.openai` of the page. */
const inPage = (policy: Policy): OpenAiClientSubject => ({
  create: async (call, request) => {
    const outcome = await page.evaluate(
      async ({ call, request, policy }) => {
        const { chat, ...others } = window.spillway.openai
        const resource = { 'chat.completions': chat.completions, ...others }[call]
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
  leave: (call, request, how) =>
    page.evaluate(
      async ({ call, request, how, policy, eventsRead }) => {
        const { chat, ...others } = window.spillway.openai
        const resource = { 'chat.completions': chat.completions, ...others }[call]
        const stream = await Reflect.apply(resource.create, resource, [request, { policy }])
        let events = 0
        for await (const _ of stream) {
          events++
          if (events < eventsRead) continue
          if (how === 'break') break
          stream.controller.abort()
        }
        return events
      },
      { call, request, how, policy, eventsRead },
    ),
})

openAiClientContract('the openai package at the server', inNode)
openAiClientContract('runtime.openai on the device', inPage('device'), inNode)
openAiClientContract('runtime.openai at the server', inPage('server'), inNode)
openAiClientContract('runtime.openai in lanes of a program', inProgram, inNode)

afterAll(() => program?.dispose())

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
    const { page } = await openBarePage(await site.browser.newContext(), site.server.url)
    const scripts = () =>
      page.evaluate(() => performance.getEntriesByType('resource').map(({ name }) => name).length)
    const before = await scripts()
    await page.evaluate(() =>
      window.spillway.openai.embeddings.create({ model: 'embedder', input: [] }).catch(() => undefined),
    )
    expect(await scripts()).toBeGreaterThan(before)
  })
})

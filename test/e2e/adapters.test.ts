import OpenAI from 'openai'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Policy } from '../../models/core/index.ts'
import type {} from '../../web/embed/window-global.ts'
import type { AdaptedStories } from '../support/adapted-stories.ts'
import type { FaultProxy } from '../support/fault-proxy.ts'
import { type GuestPage, openGuestPage } from '../support/guest-page.ts'
import { launchBrowser } from '../support/page.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { importStories } from '../support/stories.ts'
import { withoutTestModels } from '../support/test-models.ts'

declare global {
  interface Window {
    /** Tokens of all texts so far. */
    tokens: number
  }
}

let server: TestServer
let adapted: AdaptedStories
let browser: Browser
let guest: GuestPage
let proxy: FaultProxy
let page: Page

describe.skipIf(withoutTestModels)(
  `a text${withoutTestModels ? ` (skipped: ${withoutTestModels})` : ''}`,
  () => {
    beforeAll(async () => {
      const stories = await importStories()
      if ('absent' in stories) throw new Error(stories.absent)
      adapted = stories.adapted
      ;[server, browser] = await Promise.all([
        startServer({ SPILLWAY_MODELS: adapted.folder }),
        launchBrowser(),
      ])
      guest = await openGuestPage(browser, server.url)
      ;({ proxy, page } = guest)
    })
    afterAll(async () => {
      await guest?.close()
      await browser?.close()
      await server?.stop()
    })

    test('is written with its adapter on either tier, and goes on with it elsewhere', async () => {
      const { cases } = adapted
      const names = adapted.manifest.generation?.adapters ?? []
      const texts = cases.map(({ adapter, prompt, tokens }) => ({
        adapter: names[adapter - 1] ?? '',
        prompt,
        tokens,
      }))
      for (const policy of ['device', 'server'] as const)
        expect(await writeAdapted(texts, policy)).toEqual(
          texts.map(({ tokens }) => ({ tokens, tiers: policy })),
        )
      proxy.fault = (_method, path) => (path.startsWith('/v1/') ? 'half' : 'pass')
      const moving = writeAdapted(texts, 'prefer-server')
      await page.waitForFunction((count) => window.tokens >= count, texts.length, { polling: 5 })
      proxy.fault = () => 'reset'
      proxy.cut()
      const moved = await moving
      expect(moved.map(({ tokens }) => tokens)).toEqual(texts.map(({ tokens }) => tokens))
      expect(moved.map(({ tiers }) => tiers)).toContain('server,device')
      proxy.fault = () => 'pass'
      const [first] = texts
      const request = { model: `stories-adapted:${first?.adapter}`, temperature: 0, max_tokens: 8 }
      const answers = await page.evaluate(
        async ({ request, prompt }) => {
          const { openai } = window.spillway
          const unknown = window.spillway.model('stories-adapted', { adapter: 'moon' })
          const { choices } = await openai.completions.create({ ...request, prompt, return_token_ids: true })
          return { choices, error: await unknown.then(String, ({ code, message }) => ({ code, message })) }
        },
        { request, prompt: first?.prompt ?? [] },
      )
      expect(answers.choices).toMatchObject([{ token_ids: first?.tokens.slice(0, 8) }])
      expect(answers.error).toEqual({
        code: 'model_unknown',
        message: 'stories-adapted has no adapter "moon": expected sea or wood',
      })
    })

    test('of an adapter is answered by the server as "model:adapter"', async () => {
      const client = new OpenAI({ baseURL: new URL('v1', server.url).href, apiKey: 'none', maxRetries: 0 })
      const models = await client.models.list()
      expect(models.data.map(({ id }) => id)).toEqual(
        expect.arrayContaining(['stories-adapted', 'stories-adapted:sea', 'stories-adapted:wood']),
      )
      expect(await client.models.retrieve('stories-adapted:sea')).toMatchObject({ parent: 'stories-adapted' })
      const input = 'Once upon a time'
      const write = async (model: string) => {
        const asked = { model, temperature: 0 }
        const completion = await client.completions.create({ ...asked, prompt: input, max_tokens: 16 })
        expect(completion.model).toBe(model)
        return completion.choices[0]?.text
      }
      const [plain, sea, wood] = await Promise.all(
        ['stories-adapted', 'stories-adapted:sea', 'stories-adapted:wood'].map(write),
      )
      expect(new Set([plain, sea, wood]).size).toBe(3)
      for (const unknown of ['stories-adapted:moon', 'bard:sea', 'moon:sea'])
        await expect(write(unknown)).rejects.toMatchObject({ status: 404, code: 'model_unknown' })
      await expect(write('stories-adapted:moon')).rejects.toThrow(/no adapter "moon": expected sea or wood/)
    })
  },
)

/** Writes texts with adapters, all at once. */
function writeAdapted(
  texts: readonly { readonly adapter: string; readonly prompt: readonly number[] }[],
  policy: Policy,
): Promise<{ readonly tokens: readonly number[]; readonly tiers: string }[]> {
  return page.evaluate(
    async ({ texts, policy }) => {
      window.tokens = 0
      const write = async ({ adapter, prompt }: (typeof texts)[number]) => {
        const model = await window.spillway.model('stories-adapted', { adapter })
        if (policy !== 'server') await model.load()
        const request = { tokens: prompt, temperature: 0, maxTokens: 24, ignoreStopTokens: true }
        const stream = model.generate(request, { policy })
        const tiers = new Set<string>()
        for await (const { tokens, placement } of stream) {
          window.tokens += tokens.length
          tiers.add(placement.tier)
        }
        return { tokens: (await stream.result).tokens, tiers: [...tiers].join() }
      }
      return Promise.all(texts.map(write))
    },
    { texts, policy },
  )
}

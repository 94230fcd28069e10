import type { BrowserContext, Page } from 'playwright-core'
import { afterEach, beforeEach, expect } from 'vitest'
import { recordFaults } from './classify-element.ts'
import { openHtml } from './html-page.ts'
import type { Site } from './site.ts'

/** The text of the passage that the page's first `<spillway-search>` shows first. */
export const firstResult = (page: Page) =>
  page.evaluate(() => document.querySelector('spillway-search')?.results[0]?.text)

/** Pages of another origin with elements, in a browser context of its own for each test of the file that calls it. */
export function useElementPages(site: Site) {
  let made: BrowserContext | undefined
  beforeEach(async () => {
    made = await site.browser.newContext()
    await recordFaults(made)
  })
  afterEach(() => made?.close())
  const context = () => made ?? expect.fail('The browser context of these tests has not started')
  return {
    context,

    script: (name: 'elements.js' | 'embed.js', attributes = '') =>
      `<script type="module" src="${new URL(name, site.server.url).href}" ${attributes}></script>`,

    /** All that the elements need, and nothing else. */
    strict: (policies = 'spillway lit-html') => {
      const { origin } = site.server.url
      return `default-src 'none'; script-src ${origin} 'wasm-unsafe-eval'; connect-src ${origin}; worker-src ${origin} blob:; require-trusted-types-for 'script'; trusted-types ${policies}`
    },

    /** Opens a page. Its requests are those to the server. */
    open: async (body: string, policy?: string, within = context()) => {
      const requests: string[] = []
      within.on('request', (request) => requests.push(new URL(request.url()).pathname))
      const headers = policy === undefined ? {} : { 'content-security-policy': policy }
      const html = `<!doctype html><html lang="en"><title>Guest</title><meta name="viewport" content="width=device-width" /><main><h1>Guest</h1>${body}</main>`
      return { ...(await openHtml(within, { '/': { body: html, headers } })), requests }
    },
  }
}

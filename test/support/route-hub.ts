import type { BrowserContext, Page } from 'playwright-core'
import type { TestHub } from './hub.ts'

/** Answers what pages ask the Hugging Face hub for from a hub of the tests, so that code that names no other one runs as it stands. */
export const routeHub = (pages: Page | BrowserContext, hub: TestHub): Promise<unknown> =>
  pages.route('https://huggingface.co/**', async (route) => {
    const { pathname, search } = new URL(route.request().url())
    const response = await fetch(new URL(pathname.slice(1) + search, hub.url))
    await route.fulfill({
      status: response.status,
      headers: Object.fromEntries(response.headers),
      body: Buffer.from(await response.arrayBuffer()),
    })
  })

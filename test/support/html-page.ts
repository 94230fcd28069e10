import { type Context, Hono } from 'hono'
import type { BrowserContext, Page } from 'playwright-core'
import { onTestFinished } from 'vitest'
import { listen } from './listen.ts'

/** Pages and scripts by path. */
export type Routes = Readonly<
  Record<string, { readonly body: string; readonly headers?: Readonly<Record<string, string>> }>
>

/** A page of another origin than the runtime's, and what its console said. */
export interface HtmlPage {
  readonly url: URL
  readonly page: Page
  readonly said: readonly string[]
  readonly errors: readonly string[]
}

/** Serves pages and scripts until the end of the test, and opens the page at `/`. */
export async function openHtml(context: BrowserContext, routes: Routes): Promise<HtmlPage> {
  const app = new Hono().get('/favicon.ico', (c) => c.body(null, 204))
  for (const [path, { body, headers = {} }] of Object.entries(routes)) {
    const type = path.endsWith('.js') ? 'text/javascript' : 'text/html'
    app.get(path, (c: Context) => c.body(body, 200, { 'content-type': type, ...headers }))
  }
  const server = await listen(app)
  onTestFinished(() => server.close())
  const page = await context.newPage()
  const said: string[] = []
  const errors: string[] = []
  page.on('console', (message) => said.push(`${message.type()}: ${message.text()}`))
  page.on('pageerror', (error) => errors.push(error.message))
  await page.goto(server.url.href)
  return { url: server.url, page, said, errors }
}

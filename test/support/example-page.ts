import { readdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { serveStatic } from '@hono/node-server/serve-static'
import { Hono } from 'hono'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { build } from 'vite'
import { onTestFinished, vi } from 'vitest'
import { listen } from './listen.ts'
import { openPage } from './page.ts'

const catalogue = join(import.meta.dirname, '../../models/catalogue')

export interface ExamplePage {
  readonly page: Page
  /** Uncaught errors of the page. */
  readonly errors: readonly string[]
  /** Ends the server of the page's files. */
  cut(): void
}

/** Builds an application by Vite. @param server The address of the Spillway server. @returns The folder that it wrote. */
export async function buildByVite(root: string, server: URL): Promise<string> {
  vi.stubEnv('VITE_SPILLWAY_SERVER', server.href)
  onTestFinished(() => void vi.unstubAllEnvs())
  await build({ root, logLevel: 'error' })
  return join(root, 'dist')
}

/** Writes the server's address into the scripts of an example that is not built, where its author would. */
export async function nameServer(folder: string, server: URL): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!/\.(?:html|js)$/.test(name)) continue
    const path = join(folder, name)
    const text = await readFile(path, 'utf8')
    await writeFile(path, text.replaceAll('http://localhost:8080/', server.href))
  }
}

/**
 * Opens a folder in a profile of its own. It is served with the packages beside it, and with the catalogue's models.
 *
 * @param prepare Readies the profile before the page is opened.
 */
export async function openFolder(
  browser: Browser,
  folder: string,
  prepare: (context: BrowserContext) => Promise<unknown> = async () => {},
): Promise<ExamplePage> {
  const below = (mount: string, root: string) =>
    serveStatic({ root, rewriteRequestPath: (path) => path.slice(mount.length) })
  const app = new Hono()
    .use('/models/*', below('/models', catalogue))
    .use('/node_modules/*', serveStatic({ root: dirname(folder) }))
    .use(serveStatic({ root: folder }))
  const server = await listen(app)
  onTestFinished(() => server.close())
  const context = await browser.newContext()
  onTestFinished(() => context.close())
  await prepare(context)
  return { ...(await openPage(context, server.url)), cut: server.close }
}

import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest'
import { type FaultProxy, startFaultProxy } from './fault-proxy.ts'
import { type GuestPage, openGuestPage } from './guest-page.ts'
import { startHostPage } from './host-page.ts'
import { launchBrowser } from './page.ts'
import { isAlive, startServer, type TestServer } from './server.ts'

/** The built server and a browser, for all tests of a file. */
export interface Site {
  readonly server: TestServer
  readonly browser: Browser
}

const notStarted = (name: string) => expect.fail(`The ${name} of these tests has not started`)

/** For all files that this process runs, one after the other; its end ends both. */
let sharedBrowser: Browser | undefined
let sharedServer: TestServer | undefined

async function shareBrowser(): Promise<Browser> {
  if (!sharedBrowser?.isConnected()) sharedBrowser = await launchBrowser()
  return sharedBrowser
}

async function shareServer(): Promise<TestServer> {
  if (!sharedServer || !isAlive(sharedServer.pid)) sharedServer = await startServer()
  return sharedServer
}

/**
 * Starts a site before the tests of the file that calls it. Files share the browser, whose contexts are closed after a
 * file's tests, and the server, which none of them may harm.
 *
 * @param environment Makes the models of a server of the file's own and resolves to its variables.
 */
export function useSite(environment?: () => Promise<Record<string, string>>): Site {
  let server: TestServer | undefined
  let browser: Browser | undefined
  beforeAll(async () => {
    const starting = [
      (environment ? environment().then((variables) => startServer(variables)) : shareServer()).then(
        (started) => {
          server = started
        },
      ),
      shareBrowser().then((started) => {
        browser = started
      }),
    ]
    // The end of the tests ends what has started, though the other has failed.
    await Promise.allSettled(starting)
    await Promise.all(starting)
  })
  afterAll(async () => {
    const contexts = browser?.contexts() ?? []
    await Promise.all([...contexts.map((context) => context.close()), environment && server?.stop()])
  })
  return {
    get server() {
      return server ?? notStarted('server')
    },
    get browser() {
      return browser ?? notStarted('browser')
    },
  }
}

/** A new origin and a new browser profile, in which nothing is stored. */
export interface Visit {
  /** Between the pages and the server. */
  readonly proxy: FaultProxy
  /** The address of a page of another origin that embeds the runtime. */
  readonly hostUrl: URL
  readonly context: BrowserContext
}

/** Makes a visit for each test of the file that calls it. */
export function useVisit(site: Site): Visit {
  let visit: Visit | undefined
  let end = async () => {}
  beforeEach(async () => {
    const proxy = await startFaultProxy(site.server.url)
    const host = await startHostPage(new URL('embed.js', proxy.url))
    const context = await site.browser.newContext()
    visit = { proxy, hostUrl: host.url, context }
    end = async () => {
      await context.close()
      await host.stop()
      await proxy.stop()
    }
  })
  afterEach(() => end())
  return {
    get proxy() {
      return (visit ?? notStarted('proxy')).proxy
    },
    get hostUrl() {
      return (visit ?? notStarted('host page')).hostUrl
    },
    get context() {
      return (visit ?? notStarted('browser context')).context
    },
  }
}

/** Opens a guest page for each test of the file that calls it. */
export function useGuestPage(site: Site): { readonly page: Page; readonly proxy: FaultProxy } {
  let guest: GuestPage | undefined
  beforeEach(async () => {
    guest = await openGuestPage(site.browser, site.server.url)
  })
  afterEach(() => guest?.close())
  return {
    get page() {
      return (guest ?? notStarted('page')).page
    },
    get proxy() {
      return (guest ?? notStarted('proxy')).proxy
    },
  }
}

import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest'
import { type FaultProxy, startFaultProxy } from './fault-proxy.ts'
import { type GuestPage, openGuestPage } from './guest-page.ts'
import { startHostPage } from './host-page.ts'
import { launchBrowser } from './page.ts'
import { startServer, type TestServer } from './server.ts'

/** The built server and a browser, for all tests of a file. */
export interface Site {
  readonly server: TestServer
  readonly browser: Browser
}

const notStarted = (name: string) => expect.fail(`The ${name} of these tests has not started`)

/**
 * Starts a site before the tests of the file that calls it, and ends it after them.
 *
 * @param environment Makes the server's models and resolves to its variables.
 */
export function useSite(environment: () => Promise<Record<string, string>> = async () => ({})): Site {
  let server: TestServer | undefined
  let browser: Browser | undefined
  beforeAll(async () => {
    const variables = await environment()
    const starting = [
      startServer(variables).then((started) => {
        server = started
      }),
      launchBrowser().then((started) => {
        browser = started
      }),
    ]
    // The end of the tests ends what has started, though the other has failed.
    await Promise.allSettled(starting)
    await Promise.all(starting)
  })
  afterAll(async () => {
    await Promise.all([browser?.close(), server?.stop()])
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

import type { Browser, Page } from 'playwright-core'
import { type FaultProxy, startFaultProxy } from './fault-proxy.ts'
import { startHostPage } from './host-page.ts'
import { openPage, runtimeReady } from './page.ts'

/** A page of another origin that embeds the runtime, in a fresh profile, with a fault proxy between it and the server. */
export interface GuestPage {
  readonly url: URL
  readonly page: Page
  readonly proxy: FaultProxy
  close(): Promise<void>
}

/** @param policyFor Returns the page's Content-Security-Policy for the address of the runtime. */
export async function openGuestPage(
  browser: Browser,
  server: URL,
  policyFor?: (runtime: URL) => string,
): Promise<GuestPage> {
  const proxy = await startFaultProxy(server)
  const host = await startHostPage(new URL('embed.js', proxy.url), policyFor?.(proxy.url))
  const context = await browser.newContext()
  const { page } = await openPage(context, host.url)
  await runtimeReady(page)
  return {
    url: host.url,
    page,
    proxy,
    close: async () => {
      await context.close()
      await host.stop()
      await proxy.stop()
    },
  }
}

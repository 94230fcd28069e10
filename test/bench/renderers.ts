import type { Page } from 'playwright-core'

/** The ids of the processes that run the browser's pages and their workers. */
export async function renderersOf(page: Page): Promise<number[]> {
  const browser = await page.context().browser()?.newBrowserCDPSession()
  const { processInfo = [] } = (await browser?.send('SystemInfo.getProcessInfo')) ?? {}
  const renderers = processInfo.filter(({ type }) => type === 'renderer').map(({ id }) => id)
  if (renderers.length === 0) throw new Error('The browser does not report its renderer processes')
  return renderers
}

import type { BrowserContext, Page } from 'playwright-core'

/** Makes a page, or all of a context, take the software adapter for a GPU. */
export const pretendGpu = (pages: BrowserContext | Page): Promise<unknown> =>
  pages.addInitScript(() => {
    // Methods, because tsx gives functions their names by a helper that the page does not have.
    const pretended = {
      isFallbackAdapter() {
        return false
      },
      architecture() {
        return ''
      },
      description() {
        return ''
      },
    }
    for (const [name, get] of Object.entries(pretended))
      Object.defineProperty(GPUAdapterInfo.prototype, name, { get })
  })

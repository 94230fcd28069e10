import type { BrowserContext, Page } from 'playwright-core'

/** Makes a page, or all of a context, take the software adapter for a GPU. */
export const pretendGpu = (pages: BrowserContext | Page): Promise<unknown> =>
  pages.addInitScript(() => {
    const info = GPUAdapterInfo.prototype
    Object.defineProperty(info, 'isFallbackAdapter', { get: () => false })
    for (const name of ['architecture', 'description']) Object.defineProperty(info, name, { get: () => '' })
  })

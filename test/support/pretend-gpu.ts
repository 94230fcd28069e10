import type { BrowserContext } from 'playwright-core'

/** Makes the pages of a context take the software adapter for a GPU. */
export const pretendGpu = (context: BrowserContext): Promise<unknown> =>
  context.addInitScript(() => {
    const info = GPUAdapterInfo.prototype
    Object.defineProperty(info, 'isFallbackAdapter', { get: () => false })
    for (const name of ['architecture', 'description']) Object.defineProperty(info, name, { get: () => '' })
  })

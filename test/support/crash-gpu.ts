import type { BrowserCommand } from 'vitest/node'

declare module 'vitest/browser' {
  interface BrowserCommands {
    /** Crashes Chromium's GPU process, as a faulty driver would. */
    crashGpu: () => Promise<void>
  }
}

export const crashGpu: BrowserCommand<[]> = async ({ context }) => {
  const session = await context.browser()?.newBrowserCDPSession()
  // The process may die before it answers.
  await session?.send('Browser.crashGpuProcess').catch(() => undefined)
  await session?.detach()
}

import type { BrowserCommand } from 'vitest/node'

declare module 'vitest/browser' {
  interface BrowserCommands {
    /** Takes Chromium's GPU process down, as a driver that crashes would. */
    crashGpu: () => Promise<void>
  }
}

export const crashGpu: BrowserCommand<[]> = async ({ context }) => {
  const session = await context.browser()?.newBrowserCDPSession()
  // The answer is lost with the process where it is quick to die.
  await session?.send('Browser.crashGpuProcess').catch(() => undefined)
  await session?.detach()
}

import type { Page } from 'playwright-core'

/** An error that nobody catches ends a lane, as a crash would. */
export const crashWorkers = (page: Page) =>
  Promise.all(
    page.workers().map((worker) =>
      worker
        .evaluate(() => {
          setTimeout(() => {
            throw new Error('The worker dies')
          })
        })
        .catch(() => undefined),
    ),
  )

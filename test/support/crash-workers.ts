import type { Page } from 'playwright-core'

/** Throws an uncaught error in each worker of the page, which ends its lane as a crash would. */
export const crashWorkers = (page: Page) =>
  Promise.all(
    page.workers().map((worker) =>
      worker
        .evaluate(() => {
          setTimeout(() => {
            throw new Error('The test ends this worker')
          })
        })
        .catch(() => undefined),
    ),
  )

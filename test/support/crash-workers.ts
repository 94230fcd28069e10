import type { Page, Worker } from 'playwright-core'

/**
 * Throws an uncaught error in workers of the page, which ends their lanes as a crash would.
 *
 * @param workers Default: all of them.
 */
export const crashWorkers = (page: Page, workers: readonly Worker[] = page.workers()) =>
  Promise.all(
    workers.map((worker) =>
      worker
        .evaluate(() => {
          setTimeout(() => {
            throw new Error('The test ends this worker')
          })
        })
        .catch(() => undefined),
    ),
  )

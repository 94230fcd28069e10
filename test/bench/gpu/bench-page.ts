import type { Page } from 'playwright-core'
import { pretendGpu } from '../../support/pretend-gpu.ts'
import type { Harness } from '../bench-definition.ts'
import { beforeDeadline } from './side-deadline.ts'

export interface BenchPages {
  readonly openPage: Harness['openPage']
  readonly isSoftware: boolean
}

/** Works in a page of its own, whose GPU memory is free after it. The page ends at the deadline of a side. */
export async function inPage<T>(
  { openPage, isSoftware }: BenchPages,
  work: (page: Page) => Promise<T>,
): Promise<T> {
  const page = await openPage()
  try {
    if (isSoftware) {
      await pretendGpu(page)
      await page.reload()
      await page.waitForFunction(() => 'bench' in window)
    }
    return await beforeDeadline(work(page))
  } finally {
    await page.context().close()
  }
}

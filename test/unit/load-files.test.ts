import { expect, test } from 'vitest'
import { SpillwayError } from '../../models/core/index.ts'
import { openDigest } from '../../web/store/download/sha256-digest.ts'
import { SideDownload } from '../../web/store/runtime/side-download.ts'
import { createMemoryStore } from '../../web/store/storage/memory-store.ts'
import { loadFiles, type Progress } from '../../web/store/worker/load-files.ts'
import { createManualClock } from '../support/manual-clock.ts'

test("Files are loaded where the runtime's download fails, which is then no longer counted", async () => {
  const reports: Progress[] = []
  const runtime = new SideDownload(async (download) => {
    download.report(10, 100)
    await new Promise(setImmediate)
    throw new SpillwayError('file_altered', 'It is a page in HTML')
  })
  const model = { id: 'digits', version: '1', variant: 'fp32' }
  const files = await loadFiles(
    { model, files: [] },
    {
      store: createMemoryStore(),
      openDigest,
      inUse: { add: () => {}, list: async () => new Set() },
      clock: createManualClock(),
      runtime,
      onProgress: (progress) => reports.push(progress),
    },
  )
  expect(files).toEqual([])
  expect(reports[0]).toMatchObject({ loadedBytes: 10, totalBytes: 100 })
  expect(reports.at(-1)).toMatchObject({ loadedBytes: 0, totalBytes: 0 })
})

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { withDownloadLock } from '../../web/store/download/download-lock.ts'
import { createModelsInUse } from '../../web/store/storage/models-in-use.ts'
import { createManualClock } from '../support/manual-clock.ts'

const refused = () => new DOMException('The operation is insecure.', 'SecurityError')
const rejects = async () => {
  throw refused()
}
const throws = () => {
  throw refused()
}
const grants = (_name: string, _options: LockOptions, use: () => Promise<unknown>) => use()

/** Firefox with site data blocked: channels throw as they are made, and locks are refused. */
beforeEach(() => {
  vi.stubGlobal(
    'BroadcastChannel',
    class {
      constructor() {
        throw refused()
      }
    },
  )
})
afterEach(() => vi.unstubAllGlobals())

describe.each([
  ['rejects', rejects],
  ['throws', throws],
  ['grants', grants],
])('where no channel can be made and a request for a lock %s', (_name, request) => {
  beforeEach(() => vi.stubGlobal('navigator', { locks: { request, query: request } }))

  test('a download runs once, and reports its bytes', async () => {
    const received: number[] = []
    const work = vi.fn(async (report: (received: number) => void) => {
      report(7)
      return 'done'
    })
    const options = { clock: createManualClock(), onBytes: (bytes: number) => received.push(bytes) }
    expect(await withDownloadLock('a', options, work)).toBe('done')
    expect(work).toHaveBeenCalledTimes(1)
    expect(received).toEqual([7])
    expect(options.clock.waiting).toBe(0)
  })

  test("a failed download's error is the caller's", async () => {
    const work = vi.fn(async () => {
      throw new Error('cut')
    })
    const options = { clock: createManualClock(), onBytes: () => undefined }
    await expect(withDownloadLock('a', options, work)).rejects.toThrow('cut')
    expect(work).toHaveBeenCalledTimes(1)
  })
})

test.each([
  ['rejected', rejects],
  ['thrown', throws],
])(
  'the models in use are those of this tab where locks are refused by an error that is %s',
  async (_how, request) => {
    vi.stubGlobal('navigator', { locks: { request, query: request } })
    const inUse = createModelsInUse()
    inUse.add('a')
    expect([...(await inUse.list())]).toEqual(['a'])
  },
)

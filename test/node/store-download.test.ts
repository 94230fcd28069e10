import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../models/async/clock.ts'
import { createMemoryStore } from '../../web/store/storage/memory-store.ts'
import type { ModelStore } from '../../web/store/storage/model-store.ts'
import type { Progress } from '../../web/store/worker/load-files.ts'
import { accelerated, large, loadFile, small, sourceOf } from '../support/download-file.ts'
import { type FileServer, randomBytes, sha256Of, startFileServer } from '../support/file-server.ts'
import { createManualClock } from '../support/manual-clock.ts'

let server: FileServer
let store: ModelStore
beforeEach(async () => {
  server = await startFileServer(small)
  store = createMemoryStore()
})
afterEach(() => server.stop())

const source = (change?: Parameters<typeof sourceOf>[1]) => sourceOf(server, change)
const load = (file = source(), options?: Parameters<typeof loadFile>[2]) => loadFile(store, file, options)

describe('a download', () => {
  test('is fetched once, with progress, and is stored for the next time', async () => {
    const first = await load()
    expect(first.bytes.equals(small)).toBe(true)
    expect(first.progress.at(0)).toMatchObject({ loadedBytes: 0, totalBytes: small.length, storedBytes: 0 })
    expect(first.progress.at(-1)).toMatchObject({ loadedBytes: small.length, storedBytes: 0 })
    const second = await load()
    expect(second.bytes.equals(small)).toBe(true)
    expect(second.progress.at(-1)).toMatchObject({ loadedBytes: small.length, storedBytes: small.length })
    expect(server.served).toHaveLength(1)
  })

  test('into memory is never reported as kept: it ends with the page', async () => {
    const first = await load()
    const second = await load()
    expect([...first.progress, ...second.progress].map(({ isKept }) => isKept)).not.toContain(true)
  })

  test('of a large file is made in parallel ranges, each byte once', async () => {
    server.bytes = large
    // The first range, of 4 MiB, comes alone. A fast network would have answered the next one before it got another.
    const held = server.holdAfter(5 * 2 ** 20)
    const loading = load()
    const release = await held
    await expect.poll(() => server.peak).toBeGreaterThan(1)
    release()
    const { bytes } = await loading
    expect(bytes.equals(large)).toBe(true)
    expect(server.sent).toBe(large.length)
    expect(server.served.length).toBeGreaterThan(10)
    expect(server.peak).toBeLessThanOrEqual(4)
  })

  test('that stalls has reported all bytes received', async () => {
    const clock = createManualClock()
    const progress: Progress[] = []
    const held = server.holdAfter(70_000)
    const loading = load(source(), { clock, progress })
    const release = await held
    const reported = () => {
      clock.advance(50)
      return progress.at(-1)?.loadedBytes
    }
    await expect.poll(reported, { interval: 5 }).toBeGreaterThanOrEqual(64 * 1024)
    release()
    expect((await loading).bytes.equals(small)).toBe(true)
  })

  test('reports its rate and the time left', async () => {
    server.bytes = large
    const { progress } = await load(source(), { clock: countingClock(100) })
    const report = progress.find(({ bytesPerSecond }) => bytesPerSecond !== undefined)
    expect(report?.bytesPerSecond).toBeGreaterThan(0)
    const left = (report?.totalBytes ?? 0) - (report?.loadedBytes ?? 0)
    expect(report?.remainingMs).toBeCloseTo((left / (report?.bytesPerSecond ?? 0)) * 1000)
  })

  test('sends the headers of its source, made anew for each attempt', async () => {
    let attempts = 0
    server.fault = (_entry, response) => {
      if (server.served.length > 1) return false
      response.writeHead(503).end()
      return true
    }
    const request = () => ({ url: server.url, headers: { authorization: `Bearer ${++attempts}` } })
    await accelerated((clock) => load(source({ request }), { clock }))
    expect(server.served.map(({ token }) => token)).toEqual(['Bearer 1', 'Bearer 2'])
  })

  test('of unknown size is read to its end', async () => {
    server.fault = (_entry, response) => {
      response.writeHead(200)
      response.write(small.subarray(0, 1000))
      response.end(small.subarray(1000))
      return true
    }
    const { bytes, progress } = await load(source({ size: undefined }))
    expect(bytes.equals(small)).toBe(true)
    expect(progress.at(-1)).toMatchObject({ loadedBytes: small.length, totalBytes: small.length })
    expect((await load(source({ size: undefined }))).bytes.equals(small)).toBe(true)
    expect(server.served).toHaveLength(1)
  })
})

test('a store that becomes full during a download keeps nothing of the file, which is returned all the same', async () => {
  server.bytes = large
  const unlimited = store
  store = {
    ...unlimited,
    append: async (record, chunk) => (record.checks.length > 1 ? 'full' : unlimited.append(record, chunk)),
  }
  const { bytes, progress } = await load()
  expect(bytes.equals(large)).toBe(true)
  expect(progress.at(-1)).toMatchObject({ loadedBytes: large.length, isKept: false })
  expect(await store.files()).toEqual([])
})

describe('a file of unknown hash', () => {
  const tagged = () => source({ key: { url: server.url.href, etag: 'abc' } })

  test('is stored under its ETag, and its SHA-256 is recorded', async () => {
    await load(tagged())
    expect((await store.files())[0]).toMatchObject({ sha256: sha256Of(small) })
    await load(tagged())
    expect(server.served).toHaveLength(1)
  })

  test('resumes with If-Range, and starts again if the file has changed', async () => {
    server.bytes = large
    void server.cutAfter(20_000_000)
    server.fault = ({ ifRange }) => {
      if (ifRange !== undefined && server.etag === '"one"') {
        server.etag = '"two"'
        server.bytes = randomBytes(large.length)
      }
      return false
    }
    const { bytes } = await load(tagged())
    expect(server.served.find(({ ifRange }) => ifRange)?.ifRange).toBe('"one"')
    expect(bytes.equals(server.bytes)).toBe(true)
  })

  test('starts again without a strong ETag to show that the rest is of the same file', async () => {
    server.etag = 'W/"one"'
    server.fault = (_entry, response) => {
      if (server.served.length > 1) return false
      response.writeHead(200, { etag: 'W/"one"', 'content-length': small.length })
      response.write(small.subarray(0, 5_000), () => response.destroy())
      return true
    }
    expect((await load(tagged())).bytes.equals(small)).toBe(true)
    expect(server.served.map(({ range }) => range)).toEqual([undefined, undefined])
  })
})

/** A clock that advances by `ms` whenever it is read. */
function countingClock(ms: number): typeof systemClock {
  let time = 0
  return {
    now: () => {
      time += ms
      return time
    },
    after: systemClock.after,
  }
}

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../models/async/clock.ts'
import type { FileSource } from '../../web/store/download/file-source.ts'
import { openDigest } from '../../web/store/download/sha256-digest.ts'
import { createMemoryStore } from '../../web/store/storage/memory-store.ts'
import { chunkBytes, type ModelStore } from '../../web/store/storage/model-store.ts'
import { createModelsInUse } from '../../web/store/storage/models-in-use.ts'
import { loadFiles, type Progress } from '../../web/store/worker/load-files.ts'
import { type FileServer, randomBytes, sha256Of, startFileServer } from '../support/file-server.ts'
import { createManualClock } from '../support/manual-clock.ts'
import { seeded } from '../support/seeded.ts'

const small = randomBytes(100_000)
const large = randomBytes(50_000_000)

let server: FileServer
let store: ModelStore
beforeEach(async () => {
  server = await startFileServer(small)
  store = createMemoryStore()
})
afterEach(() => server.stop())

const model = { id: 'a', version: '1', variant: 'fp32' }

const source = (change: Partial<FileSource> = {}): FileSource => ({
  path: 'model.onnx',
  key: { sha256: sha256Of(server.bytes) },
  size: server.bytes.length,
  request: () => ({ url: server.url }),
  ...change,
})

async function load(
  file = source(),
  {
    signal,
    clock = systemClock,
    progress = [],
  }: { signal?: AbortSignal; clock?: typeof systemClock; progress?: Progress[] } = {},
) {
  const [bytes] = await loadFiles(
    { model, files: [file] },
    {
      store,
      openDigest,
      inUse: createModelsInUse(),
      clock,
      signal,
      onProgress: (current) => progress.push(current),
    },
  )
  return { bytes: Buffer.from(bytes ?? new ArrayBuffer(0)), progress }
}

/** A clock that runs fifty times as fast, so that delays cost next to nothing. */
async function accelerated<T>(work: (clock: typeof systemClock) => Promise<T>): Promise<T> {
  const clock = createManualClock()
  const timer = setInterval(() => clock.advance(50), 1)
  try {
    return await work(clock)
  } finally {
    clearInterval(timer)
  }
}

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
    const { bytes } = await load()
    expect(bytes.equals(large)).toBe(true)
    expect(server.sent).toBe(large.length)
    expect(server.served.length).toBeGreaterThan(10)
    expect(server.peak).toBeGreaterThan(1)
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

describe('an interrupted download', () => {
  test('resumes after each of twenty cuts, and fetches at most one chunk twice for each', async () => {
    server.bytes = large
    const cuts = 20
    let made = 0
    const random = seeded(2)
    void (async () => {
      for (; made < cuts; made++) await server.cutAfter(1_000_000 + random() * 1_000_000)
    })()
    const { bytes } = await accelerated((clock) => load(source(), { clock }))
    expect(bytes.equals(large)).toBe(true)
    expect(made).toBe(cuts)
    expect(server.sent).toBeLessThanOrEqual(large.length + cuts * chunkBytes)
  })

  test('keeps its chunks when its caller aborts, and the next visit does not fetch them again', async () => {
    server.bytes = large
    const leave = new AbortController()
    void server.cutAfter(chunkBytes + 6_000_000).then(() => leave.abort())
    await expect(load(source(), { signal: leave.signal })).rejects.toMatchObject({ code: 'aborted' })
    await expect.poll(async () => (await store.files())[0]?.checks.length).toBe(1)
    const { bytes, progress } = await load()
    expect(bytes.equals(large)).toBe(true)
    expect(progress.at(-1)).toMatchObject({ loadedBytes: large.length, storedBytes: chunkBytes })
    expect(server.sent).toBeLessThanOrEqual(large.length + chunkBytes)
  })

  test('starts again with a server that does not know ranges', async () => {
    server.bytes = large
    server.ranges = false
    void server.cutAfter(20_000_000)
    const { bytes } = await load()
    expect(bytes.equals(large)).toBe(true)
    expect(server.served).toHaveLength(2)
  })

  test('fails after five attempts without a byte', async () => {
    server.fault = (_entry, response) => response.destroy().destroyed
    const failure = accelerated((clock) => load(source(), { clock }))
    await expect(failure).rejects.toMatchObject({ code: 'server_unreachable' })
    expect(server.served).toHaveLength(5)
  })

  test('resumes when the server is silent for too long', async () => {
    server.fault = (_entry, response) => {
      if (server.served.length > 1) return false
      response.writeHead(200, { 'content-length': small.length })
      response.write(small.subarray(0, 1000))
      return true
    }
    const { bytes } = await accelerated((clock) => load(source(), { clock }))
    expect(bytes.equals(small)).toBe(true)
    expect(server.served.map(({ range }) => range)).toEqual([undefined, 'bytes=1000-'])
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

describe('a file with wrong bytes', () => {
  const altered = (bytes: Buffer) => {
    const copy = Buffer.from(bytes)
    copy[copy.length >> 1] = (copy[copy.length >> 1] ?? 0) ^ 1
    return copy
  }

  test('is fetched once more, refused, and not stored', async () => {
    const file = source()
    server.bytes = altered(small)
    await expect(load(file)).rejects.toMatchObject({
      code: 'file_altered',
      message: expect.stringContaining('expected SHA-256'),
    })
    expect(server.served).toHaveLength(2)
    expect(await store.files()).toEqual([])
  })

  test('is loaded if the second fetch brings the right bytes', async () => {
    server.bytes = large
    const file = source()
    server.bytes = altered(large)
    let requests = 0
    server.fault = () => {
      // The first requests are answered from the altered file, later ones from the right one.
      if (++requests > 12) server.bytes = large
      return false
    }
    expect((await load(file)).bytes.equals(large)).toBe(true)
    expect((await load(file)).bytes.equals(large)).toBe(true)
  })

  test.each([
    ['longer', Buffer.concat([small, small])],
    ['shorter', small.subarray(0, 1000)],
  ])('that is %s is refused', async (_what, bytes) => {
    const file = source()
    server.bytes = bytes
    const failure = accelerated((clock) => load(file, { clock }))
    await expect(failure).rejects.toMatchObject({ code: expect.stringMatching(/file_(altered|truncated)/) })
    expect(await store.files()).toEqual([])
  })

  test('that is always cut short is given up after five attempts', async () => {
    server.fault = (_entry, response) => {
      response.writeHead(200, { 'content-length': small.length })
      response.write(small.subarray(0, 5_000), () => response.destroy())
      return true
    }
    const failure = accelerated((clock) => load(source(), { clock }))
    await expect(failure).rejects.toMatchObject({ code: 'file_truncated' })
    expect(server.served).toHaveLength(5)
  })

  test('is refused if the server sends another range than requested', async () => {
    server.bytes = large
    server.fault = (_entry, response) => {
      response.writeHead(206, { 'content-range': `bytes 8-9/${large.length}`, 'content-length': 2 })
      response.end(large.subarray(8, 10))
      return true
    }
    const failure = accelerated((clock) => load(source(), { clock }))
    await expect(failure).rejects.toMatchObject({ code: 'server_response_invalid' })
  })

  test.each([
    [404, 'text/plain', 'file_missing', 1],
    [403, 'text/plain', 'access_denied', 1],
    [200, 'text/html; charset=utf-8', 'file_missing', 1],
    [500, 'text/plain', 'server_response_invalid', 5],
    [503, 'text/plain', 'overloaded', 5],
  ])('answered with status %i, %s, fails as %s after %i requests', async (status, type, code, requests) => {
    server.fault = (_entry, response) => {
      response.writeHead(status, { 'content-type': type }).end('<!doctype html><title>Sign in</title>')
      return true
    }
    const failure = accelerated((clock) => load(source(), { clock }))
    await expect(failure).rejects.toMatchObject({ code })
    expect(server.served).toHaveLength(requests)
  })

  test('is fetched again if the server refuses the rest (416)', async () => {
    server.bytes = large
    void server.cutAfter(20_000_000)
    let refusals = 0
    server.fault = ({ range }, response) => {
      if (server.sent < 20_000_000 || range?.startsWith('bytes=0-') || refusals++ > 0) return false
      response.writeHead(416, { 'content-range': 'bytes */1' }).end()
      return true
    }
    expect((await load()).bytes.equals(large)).toBe(true)
    expect(refusals).toBeGreaterThan(0)
  })
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

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../models/async/clock.ts'
import { openDigest } from '../../web/store/download/digest.ts'
import type { FileSource } from '../../web/store/download/file-source.ts'
import { createMemoryStore } from '../../web/store/storage/memory.ts'
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

async function obtain(
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
      onProgress: (told) => progress.push(told),
    },
  )
  return { bytes: Buffer.from(bytes ?? new ArrayBuffer(0)), progress }
}

/** A clock that runs a thousand times as fast, so that waits cost next to nothing. */
async function hurried<T>(work: (clock: typeof systemClock) => Promise<T>): Promise<T> {
  const clock = createManualClock()
  const timer = setInterval(() => clock.advance(50), 1)
  try {
    return await work(clock)
  } finally {
    clearInterval(timer)
  }
}

describe('a download', () => {
  test('comes once, with progress, and is in the store for the next time', async () => {
    const first = await obtain()
    expect(first.bytes.equals(small)).toBe(true)
    expect(first.progress.at(0)).toMatchObject({ loadedBytes: 0, totalBytes: small.length, storedBytes: 0 })
    expect(first.progress.at(-1)).toMatchObject({ loadedBytes: small.length, storedBytes: 0, isKept: true })
    const second = await obtain()
    expect(second.bytes.equals(small)).toBe(true)
    expect(second.progress.at(-1)).toMatchObject({ loadedBytes: small.length, storedBytes: small.length })
    expect(server.served).toHaveLength(1)
  })

  test('of a large file comes in parallel ranges, each byte once', async () => {
    server.bytes = large
    const { bytes } = await obtain()
    expect(bytes.equals(large)).toBe(true)
    expect(server.sent).toBe(large.length)
    expect(server.served.length).toBeGreaterThan(10)
    expect(server.peak).toBeGreaterThan(1)
    expect(server.peak).toBeLessThanOrEqual(4)
  })

  test('that stands still has told of all that came', async () => {
    const clock = createManualClock()
    const progress: Progress[] = []
    const held = server.holdAfter(70_000)
    const loading = obtain(source(), { clock, progress })
    const release = await held
    const told = () => {
      clock.advance(50)
      return progress.at(-1)?.loadedBytes
    }
    await expect.poll(told, { interval: 5 }).toBeGreaterThanOrEqual(64 * 1024)
    release()
    expect((await loading).bytes.equals(small)).toBe(true)
  })

  test('tells how fast it comes and how long it will take', async () => {
    server.bytes = large
    const { progress } = await obtain(source(), { clock: countingClock(100) })
    const told = progress.find(({ bytesPerSecond }) => bytesPerSecond !== undefined)
    expect(told?.bytesPerSecond).toBeGreaterThan(0)
    const left = (told?.totalBytes ?? 0) - (told?.loadedBytes ?? 0)
    expect(told?.remainingMs).toBeCloseTo((left / (told?.bytesPerSecond ?? 0)) * 1000)
  })

  test('sends the headers of its source, asked for at each attempt', async () => {
    let asked = 0
    server.fault = (_entry, response) => {
      if (server.served.length > 1) return false
      response.writeHead(503).end()
      return true
    }
    const request = () => ({ url: server.url, headers: { authorization: `Bearer ${++asked}` } })
    await hurried((clock) => obtain(source({ request }), { clock }))
    expect(server.served.map(({ token }) => token)).toEqual(['Bearer 1', 'Bearer 2'])
  })

  test('of a size that nobody knows before is read to its end', async () => {
    server.fault = (_entry, response) => {
      response.writeHead(200)
      response.write(small.subarray(0, 1000))
      response.end(small.subarray(1000))
      return true
    }
    const { bytes, progress } = await obtain(source({ size: undefined }))
    expect(bytes.equals(small)).toBe(true)
    expect(progress.at(-1)).toMatchObject({ loadedBytes: small.length, totalBytes: small.length })
    expect((await obtain(source({ size: undefined }))).bytes.equals(small)).toBe(true)
    expect(server.served).toHaveLength(1)
  })
})

describe('a download that is cut', () => {
  test('at twenty points goes on where it was: at most a chunk comes twice for each', async () => {
    server.bytes = large
    const cuts = 20
    let made = 0
    const random = seeded(2)
    void (async () => {
      for (; made < cuts; made++) await server.cutAfter(1_000_000 + random() * 1_000_000)
    })()
    const { bytes } = await hurried((clock) => obtain(source(), { clock }))
    expect(bytes.equals(large)).toBe(true)
    expect(made).toBe(cuts)
    expect(server.sent).toBeLessThanOrEqual(large.length + cuts * chunkBytes)
  })

  test('by its caller keeps its chunks for the next visit, and does not fetch them again', async () => {
    server.bytes = large
    const leave = new AbortController()
    void server.cutAfter(chunkBytes + 6_000_000).then(() => leave.abort())
    await expect(obtain(source(), { signal: leave.signal })).rejects.toMatchObject({ code: 'aborted' })
    await expect.poll(async () => (await store.files())[0]?.checks.length).toBe(1)
    const { bytes, progress } = await obtain()
    expect(bytes.equals(large)).toBe(true)
    expect(progress.at(-1)).toMatchObject({ loadedBytes: large.length, storedBytes: chunkBytes })
    expect(server.sent).toBeLessThanOrEqual(large.length + chunkBytes)
  })

  test('by a server that knows no ranges begins anew', async () => {
    server.bytes = large
    server.ranges = false
    void server.cutAfter(20_000_000)
    const { bytes } = await obtain()
    expect(bytes.equals(large)).toBe(true)
    expect(server.served).toHaveLength(2)
  })

  test('again and again before anything comes is given up', async () => {
    server.fault = (_entry, response) => response.destroy().destroyed
    const failure = hurried((clock) => obtain(source(), { clock }))
    await expect(failure).rejects.toMatchObject({ code: 'server_unreachable' })
    expect(server.served).toHaveLength(5)
  })

  test('and stays silent is asked again after a while', async () => {
    server.fault = (_entry, response) => {
      if (server.served.length > 1) return false
      response.writeHead(200, { 'content-length': small.length })
      response.write(small.subarray(0, 1000))
      return true
    }
    const { bytes } = await hurried((clock) => obtain(source(), { clock }))
    expect(bytes.equals(small)).toBe(true)
    expect(server.served.map(({ range }) => range)).toEqual([undefined, 'bytes=1000-'])
  })
})

test('a store that is full in the middle keeps nothing of the file, which is run from memory', async () => {
  server.bytes = large
  const roomy = store
  store = {
    ...roomy,
    append: async (record, chunk) => (record.checks.length > 1 ? 'full' : roomy.append(record, chunk)),
  }
  const { bytes, progress } = await obtain()
  expect(bytes.equals(large)).toBe(true)
  expect(progress.at(-1)).toMatchObject({ loadedBytes: large.length, isKept: false })
  expect(await store.files()).toEqual([])
})

describe('a file that is not what it should be', () => {
  const wrong = (bytes: Buffer) => {
    const other = Buffer.from(bytes)
    other[other.length >> 1] = (other[other.length >> 1] ?? 0) ^ 1
    return other
  }

  test('is asked for once more, refused, and not kept', async () => {
    const file = source()
    server.bytes = wrong(small)
    await expect(obtain(file)).rejects.toMatchObject({
      code: 'file_altered',
      message: expect.stringContaining('expected SHA-256'),
    })
    expect(server.served).toHaveLength(2)
    expect(await store.files()).toEqual([])
  })

  test('once, in its first chunk, is right when it is fetched anew', async () => {
    server.bytes = large
    const file = source()
    server.bytes = wrong(large)
    let tag = 0
    server.fault = () => {
      // The first sixteen megabytes are of the wrong file; what comes later is right.
      if (++tag > 12) server.bytes = large
      return false
    }
    expect((await obtain(file)).bytes.equals(large)).toBe(true)
    expect((await obtain(file)).bytes.equals(large)).toBe(true)
  })

  test.each([
    ['longer', Buffer.concat([small, small])],
    ['shorter', small.subarray(0, 1000)],
  ])('because it is %s is refused', async (_what, bytes) => {
    const file = source()
    server.bytes = bytes
    const failure = hurried((clock) => obtain(file, { clock }))
    await expect(failure).rejects.toMatchObject({ code: expect.stringMatching(/file_(altered|truncated)/) })
    expect(await store.files()).toEqual([])
  })

  test('because the server sends less than it says breaks off, and is given up', async () => {
    server.fault = (_entry, response) => {
      response.writeHead(200, { 'content-length': small.length })
      response.write(small.subarray(0, 5_000), () => response.destroy())
      return true
    }
    const failure = hurried((clock) => obtain(source(), { clock }))
    await expect(failure).rejects.toMatchObject({ code: 'file_truncated' })
    expect(server.served).toHaveLength(5)
  })

  test('because the server sends another range than was asked for is refused', async () => {
    server.bytes = large
    server.fault = (_entry, response) => {
      response.writeHead(206, { 'content-range': `bytes 8-9/${large.length}`, 'content-length': 2 })
      response.end(large.subarray(8, 10))
      return true
    }
    const failure = hurried((clock) => obtain(source(), { clock }))
    await expect(failure).rejects.toMatchObject({ code: 'server_response_invalid' })
  })

  test.each([
    [404, 'text/plain', 'file_missing', 1],
    [403, 'text/plain', 'access_denied', 1],
    [200, 'text/html; charset=utf-8', 'file_missing', 1],
    [500, 'text/plain', 'server_response_invalid', 5],
    [503, 'text/plain', 'overloaded', 5],
  ])('because the server answers %i, %s, is %s after %i requests', async (status, type, code, requests) => {
    server.fault = (_entry, response) => {
      response.writeHead(status, { 'content-type': type }).end('<!doctype html><title>Sign in</title>')
      return true
    }
    const failure = hurried((clock) => obtain(source(), { clock }))
    await expect(failure).rejects.toMatchObject({ code })
    expect(server.served).toHaveLength(requests)
  })

  test('because the server refuses to go on (416) is fetched anew', async () => {
    server.bytes = large
    void server.cutAfter(20_000_000)
    let refusals = 0
    server.fault = ({ range }, response) => {
      if (server.sent < 20_000_000 || range?.startsWith('bytes=0-') || refusals++ > 0) return false
      response.writeHead(416, { 'content-range': 'bytes */1' }).end()
      return true
    }
    expect((await obtain()).bytes.equals(large)).toBe(true)
    expect(refusals).toBeGreaterThan(0)
  })
})

describe('a file whose hash is not known before', () => {
  const tagged = () => source({ key: { url: server.url.href, etag: 'abc' } })

  test('is kept under its ETag, and its SHA-256 recorded', async () => {
    await obtain(tagged())
    expect((await store.files())[0]).toMatchObject({ sha256: sha256Of(small) })
    await obtain(tagged())
    expect(server.served).toHaveLength(1)
  })

  test('goes on by If-Range, and begins anew where the file is another by now', async () => {
    server.bytes = large
    void server.cutAfter(20_000_000)
    server.fault = ({ ifRange }) => {
      if (ifRange !== undefined && server.etag === '"one"') {
        server.etag = '"two"'
        server.bytes = randomBytes(large.length)
      }
      return false
    }
    const { bytes } = await obtain(tagged())
    expect(server.served.find(({ ifRange }) => ifRange)?.ifRange).toBe('"one"')
    expect(bytes.equals(server.bytes)).toBe(true)
  })

  test('begins anew where no strong ETag tells that the rest is of the same file', async () => {
    server.etag = 'W/"one"'
    server.fault = (_entry, response) => {
      if (server.served.length > 1) return false
      response.writeHead(200, { etag: 'W/"one"', 'content-length': small.length })
      response.write(small.subarray(0, 5_000), () => response.destroy())
      return true
    }
    expect((await obtain(tagged())).bytes.equals(small)).toBe(true)
    expect(server.served.map(({ range }) => range)).toEqual([undefined, undefined])
  })
})

/** A clock that is so many milliseconds further whenever it is read. */
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

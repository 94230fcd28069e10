import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createMemoryStore } from '../../web/store/storage/memory-store.ts'
import { chunkBytes, type ModelStore } from '../../web/store/storage/model-store.ts'
import { accelerated, large, loadFile, small, sourceOf } from '../support/download-file.ts'
import { type FileServer, startFileServer } from '../support/file-server.ts'
import { seeded } from '../support/seeded.ts'

let server: FileServer
let store: ModelStore
beforeEach(async () => {
  server = await startFileServer(small)
  store = createMemoryStore()
})
afterEach(() => server.stop())

const source = (change?: Parameters<typeof sourceOf>[1]) => sourceOf(server, change)
const load = (file = source(), options?: Parameters<typeof loadFile>[2]) => loadFile(store, file, options)

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

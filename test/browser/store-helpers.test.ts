import { afterEach, beforeEach, expect, test } from 'vitest'
import { systemClock } from '../../models/async/clock.ts'
import { openDigestFor } from '../../web/store/download/sha256-digest-worker.ts'
import { checkOf, loadCheck } from '../../web/store/storage/chunk-checksum.ts'
import { createIndexedDbStore } from '../../web/store/storage/indexeddb-store.ts'
import { createMemoryStore } from '../../web/store/storage/memory-store.ts'
import { chunkBytes, chunkRange, type FileRecord } from '../../web/store/storage/model-store.ts'
import { openOpfs } from '../../web/store/storage/opfs.ts'
import { loadFile } from '../../web/store/worker/load-file.ts'
import { storeFiles } from '../../web/store/worker/store-files.ts'
import { createManualClock } from '../support/manual-clock.ts'

/** The workers that a test has started, in order. */
let started: Worker[] = []
const RealWorker = globalThis.Worker
beforeEach(() => {
  started = []
  globalThis.Worker = class extends RealWorker {
    constructor(url: string | URL, options?: WorkerOptions) {
      super(url, options)
      started.push(this)
    }
  }
})
afterEach(() => {
  globalThis.Worker = RealWorker
})

/** Sends a message that makes comlink throw, which nothing catches. */
const crash = (worker: Worker | undefined) => worker?.postMessage({ argumentList: 1 })

const pieceBytes = 2 ** 20
const numbered = (size: number): Uint8Array<ArrayBuffer> =>
  Uint8Array.from({ length: size }, (_, at) => (at * 31 + (at >> 8)) & 255)
const bytes = numbered(12 * pieceBytes)
const pieces = Array.from({ length: 12 }, (_, at) => bytes.subarray(at * pieceBytes, (at + 1) * pieceBytes))

const sha256Of = async (data: Uint8Array<ArrayBuffer>) =>
  Array.from(new Uint8Array(await crypto.subtle.digest('SHA-256', data)), (byte) =>
    byte.toString(16).padStart(2, '0'),
  ).join('')

test.each([0, 5, 11])(
  'a digest whose worker crashes after piece %i is taken on the calling thread',
  async (last) => {
    const digest = await openDigestFor(systemClock, storeFiles().digest)(chunkBytes + 1)
    for (const [index, piece] of pieces.entries()) {
      await digest.update(piece)
      if (index === last) crash(started[0])
    }
    expect(await digest.finish()).toBe(await sha256Of(bytes))
    digest.close()
    expect(started).toHaveLength(1)
  },
)

test('a digest whose worker does not answer is taken on the calling thread', async () => {
  const clock = createManualClock()
  const digest = await openDigestFor(clock, storeFiles().digest)(chunkBytes + 1)
  for (const piece of pieces.slice(0, 7)) await digest.update(piece)
  started[0]?.terminate()
  const finished = (async () => {
    for (const piece of pieces.slice(7)) await digest.update(piece)
    return digest.finish()
  })()
  // A piece is with the worker by then, and its answer is waited for.
  await expect.poll(() => clock.waiting).toBeGreaterThan(0)
  clock.advance(20_001)
  expect(await finished).toBe(await sha256Of(bytes))
  digest.close()
  expect(started).toHaveLength(1)
})

test('a digest that is restarted forgets the bytes that a dead worker was given', async () => {
  const digest = await openDigestFor(systemClock, storeFiles().digest)(chunkBytes + 1)
  for (const piece of pieces.slice(0, 7)) await digest.update(piece)
  crash(started[0])
  digest.restart()
  for (const piece of pieces) await digest.update(piece)
  expect(await digest.finish()).toBe(await sha256Of(bytes))
  digest.close()
})

test('a download whose digest worker crashes completes, and fetches nothing twice', async () => {
  const file = new Blob([bytes, bytes, bytes])
  const url = new URL(URL.createObjectURL(file))
  const sha256 = await sha256Of(new Uint8Array(await file.arrayBuffer()))
  let hasCrashed = false
  let requests = 0
  const loaded = await loadFile(
    {
      path: 'model.onnx',
      key: { sha256 },
      size: file.size,
      request: () => {
        requests++
        return { url }
      },
    },
    {
      store: createMemoryStore(),
      openDigest: openDigestFor(systemClock, storeFiles().digest),
      clock: systemClock,
      evictFor: async () => true,
      onBytes: (received) => {
        if (received < chunkBytes || hasCrashed) return
        hasCrashed = true
        crash(started[0])
      },
    },
  )
  URL.revokeObjectURL(url.href)
  expect(hasCrashed).toBe(true)
  expect(started).toHaveLength(1)
  expect(loaded).toMatchObject({ sha256, isKept: false })
  expect(await sha256Of(new Uint8Array(loaded.bytes))).toBe(sha256)
  expect(requests).toBe(file.size / (4 * 2 ** 20))
})

test('a digest is taken on the calling thread where no worker may be started', async () => {
  globalThis.Worker = class extends RealWorker {
    constructor() {
      super('data:text/javascript,throw new Error("forbidden")')
    }
  }
  const digest = await openDigestFor(systemClock, storeFiles().digest)(chunkBytes + 1)
  for (const piece of pieces) await digest.update(piece)
  expect(await digest.finish()).toBe(await sha256Of(bytes))
})

/** A file of six different chunks in IndexedDB. */
async function storedFile(name: string) {
  const store = createIndexedDbStore({
    clock: systemClock,
    opfs: openOpfs(name),
    name,
    reader: storeFiles().reader,
    opfsFrom: Number.POSITIVE_INFINITY,
  })
  const hash = await loadCheck()
  const file = new Uint8Array(5 * chunkBytes + 5_000)
  for (let at = 0; at < file.length; at += 4_096) file[at] = 1 + ((at / 4_096) % 251)
  const checks: string[] = []
  let record: FileRecord = { key: name, size: file.length, location: 'indexeddb', checks }
  for (let index = 0; index < 6; index++) {
    const { start, end } = chunkRange(index, file.length)
    checks.push(checkOf(hash, file.subarray(start, end)))
    record = { ...record, checks: [...checks] }
    expect(await store.append(record, file.subarray(start, end))).toBe('kept')
  }
  return { store, record, file }
}

const areSame = async (one: Uint8Array, other: Uint8Array) => {
  const hash = await loadCheck()
  return checkOf(hash, one) === checkOf(hash, other)
}

test('a large file is read by two threads, with every byte in its place', async () => {
  const { store, record, file } = await storedFile('spillway-two-readers')
  const into = new Uint8Array(record.size)
  const reported: number[] = []
  expect(await store.read(record, into, (read) => reported.push(read))).toBe(true)
  expect(await areSame(into, file)).toBe(true)
  expect(started).toHaveLength(1)
  expect(reported).toHaveLength(6)
  expect(reported).toEqual([...reported].sort((one, other) => one - other))
  expect(reported.at(-1)).toBe(record.size)
  for (const wrong of [0, 1, 5]) {
    const checks = record.checks.map((check, index) => (index === wrong ? 'another' : check))
    expect(await store.read({ ...record, checks }, into)).toBe(false)
  }
})

test('a large file is read completely when the second reader crashes', async () => {
  const { store, record, file } = await storedFile('spillway-crashed-reader')
  const into = new Uint8Array(record.size)
  let reads = 0
  const onBytes = () => {
    if (++reads === 2) crash(started[0])
  }
  expect(await store.read(record, into, onBytes)).toBe(true)
  expect(await areSame(into, file)).toBe(true)
})

import { afterEach, beforeEach, expect, test } from 'vitest'
import { checkOf, loadCheck } from '../../web/store/check.ts'
import { openDigestFor } from '../../web/store/digest-worker.ts'
import { createIndexedDbStore } from '../../web/store/indexeddb.ts'
import { createMemoryStore } from '../../web/store/memory.ts'
import { obtainFile } from '../../web/store/obtain-file.ts'
import { openOpfs } from '../../web/store/opfs.ts'
import { chunkBytes, chunkRange, type FileRecord } from '../../web/store/store.ts'
import { systemClock } from '../../workers/clock.ts'
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

/** No message of ours: what takes it throws, and nothing catches that. */
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

test('a digest whose worker crashes goes on in another, and then on the thread that asks', async () => {
  const digest = await openDigestFor(systemClock)(chunkBytes + 1)
  for (const [index, piece] of pieces.entries()) {
    await digest.update(piece)
    if (index === 5) crash(started[0])
    if (index === 8) crash(started[1])
  }
  crash(started[1])
  expect(await digest.finish()).toBe(await sha256Of(bytes))
  digest.close()
  expect(started).toHaveLength(2)
})

test('a digest whose worker falls silent goes on in another', async () => {
  const clock = createManualClock()
  const digest = await openDigestFor(clock)(chunkBytes + 1)
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
  expect(started).toHaveLength(2)
})

test('a digest that is begun anew forgets what a dead worker was given', async () => {
  const digest = await openDigestFor(systemClock)(chunkBytes + 1)
  for (const piece of pieces.slice(0, 7)) await digest.update(piece)
  crash(started[0])
  digest.restart()
  for (const piece of pieces) await digest.update(piece)
  expect(await digest.finish()).toBe(await sha256Of(bytes))
  digest.close()
})

test('a download whose digest crashes with its worker goes on, and fetches nothing twice', async () => {
  const file = new Blob([bytes, bytes, bytes])
  const url = new URL(URL.createObjectURL(file))
  const sha256 = await sha256Of(new Uint8Array(await file.arrayBuffer()))
  const crashesAt = chunkBytes
  let requests = 0
  const taken = await obtainFile(
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
      openDigest: openDigestFor(systemClock),
      clock: systemClock,
      makeRoom: async () => true,
      onBytes: (here) => {
        if (here >= crashesAt && started.length === 1) crash(started[0])
      },
    },
  )
  URL.revokeObjectURL(url.href)
  expect(started).toHaveLength(2)
  expect(taken).toMatchObject({ sha256, isKept: true })
  expect(await sha256Of(new Uint8Array(taken.bytes))).toBe(sha256)
  expect(requests).toBe(file.size / (4 * 2 ** 20))
})

test('a digest is taken on the thread that asks where no worker may be started', async () => {
  globalThis.Worker = class extends RealWorker {
    constructor() {
      super('data:text/javascript,throw new Error("forbidden")')
    }
  }
  const digest = await openDigestFor(systemClock)(chunkBytes + 1)
  for (const piece of pieces) await digest.update(piece)
  expect(await digest.finish()).toBe(await sha256Of(bytes))
})

/** A file of six chunks in IndexedDB, of which no two are equal. */
async function keptFile(name: string) {
  const store = createIndexedDbStore({
    clock: systemClock,
    opfs: openOpfs(name),
    name,
    opfsFrom: Number.POSITIVE_INFINITY,
  })
  const hash = await loadCheck()
  const file = new Uint8Array(5 * chunkBytes + 5_000)
  for (let at = 0; at < file.length; at += 4_096) file[at] = 1 + ((at / 4_096) % 251)
  const checks: string[] = []
  let record: FileRecord = { key: name, size: file.length, place: 'indexeddb', checks }
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

test('a large file is read by two threads, and every byte is in its place', async () => {
  const { store, record, file } = await keptFile('spillway-two-readers')
  const into = new Uint8Array(record.size)
  const told: number[] = []
  expect(await store.read(record, into, (read) => told.push(read))).toBe(true)
  expect(await areSame(into, file)).toBe(true)
  expect(started).toHaveLength(1)
  expect(told).toHaveLength(6)
  expect(told).toEqual([...told].sort((one, other) => one - other))
  expect(told.at(-1)).toBe(record.size)
  for (const wrong of [0, 1, 5]) {
    const checks = record.checks.map((check, index) => (index === wrong ? 'another' : check))
    expect(await store.read({ ...record, checks }, into)).toBe(false)
  }
})

test('a large file is read to its end where the second reader crashes', async () => {
  const { store, record, file } = await keptFile('spillway-crashed-reader')
  const into = new Uint8Array(record.size)
  let reads = 0
  const onBytes = () => {
    if (++reads === 2) crash(started[0])
  }
  expect(await store.read(record, into, onBytes)).toBe(true)
  expect(await areSame(into, file)).toBe(true)
})

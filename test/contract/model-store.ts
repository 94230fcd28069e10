import { afterEach, describe, expect, test } from 'vitest'
import { checkOf, loadCheck } from '../../web/store/storage/chunk-checksum.ts'
import {
  chunkBytes,
  chunkRange,
  type FileRecord,
  type ModelRecord,
  type ModelStore,
  modelKey,
} from '../../web/store/storage/model-store.ts'

export interface StoreSubject {
  /** An empty store. */
  create(): Promise<ModelStore>
  /** The same store, as the next visit opens it. Absent if it does not outlive the page. */
  reopen?(): ModelStore
  /** Overwrites a stored chunk without any check. Without bytes it removes the chunk. */
  corrupt?(record: FileRecord, index: number, bytes: Uint8Array<ArrayBuffer> | undefined): Promise<void>
  dispose?(): Promise<void>
}

/** Bytes whose chunks differ. */
function numbered(size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size)
  for (let at = 0; at < size; at += 4096) bytes[at] = 1 + ((at / 4096) % 251)
  return bytes
}

/** Stores a file chunk by chunk, as a download does. */
async function storeFile(
  store: ModelStore,
  key: string,
  bytes: Uint8Array<ArrayBuffer>,
): Promise<FileRecord> {
  const hash = await loadCheck()
  const size = bytes.length
  const checks: string[] = []
  let record: FileRecord = { key, size, location: await store.locationOf(size), checks: [] }
  for (let index = 0; index * chunkBytes < size; index++) {
    const { start, end } = chunkRange(index, size)
    checks.push(checkOf(hash, bytes.subarray(start, end)))
    record = { ...record, checks: [...checks], ...(end === size ? { sha256: 'f'.repeat(64) } : {}) }
    expect(await store.append(record, bytes.subarray(start, end))).toBe('kept')
  }
  return record
}

async function readBack(store: ModelStore, key: string): Promise<Uint8Array | 'absent' | 'wrong'> {
  const record = await store.file(key)
  if (!record) return 'absent'
  const into = new Uint8Array(record.size)
  return (await store.read(record, into)) ? into : 'wrong'
}

const sameBytes = (one: unknown, other: Uint8Array) =>
  one instanceof Uint8Array && one.length === other.length && one.every((byte, at) => byte === other[at])

/** Every store returns the bytes that it was given, or reports that it cannot. */
export function modelStoreContract(name: string, subject: StoreSubject): void {
  const { create, reopen, corrupt, dispose } = subject
  const small = numbered(5000)
  const large = numbered(chunkBytes + 5000)
  const model = (id: string, files: string[]): ModelRecord => ({
    id,
    version: '1',
    variant: 'fp32',
    files,
    usedAt: 7,
  })

  describe(`${name} as a model store`, () => {
    afterEach(async () => dispose?.())

    test.each([
      ['one chunk', small],
      ['several chunks', large],
    ])('returns a file of %s', async (_what, bytes) => {
      const store = await create()
      expect(await readBack(store, 'a')).toBe('absent')
      const record = await storeFile(store, 'a', bytes)
      expect(await store.file('a')).toEqual(record)
      expect(sameBytes(await readBack(store, 'a'), bytes)).toBe(true)
      expect(await store.files()).toEqual([record])
    })

    const durable = reopen ? '' : ' (skipped: it does not outlive the page)'
    test.skipIf(!reopen)(`returns a file on the next visit${durable}`, async () => {
      const store = await create()
      await storeFile(store, 'a', large)
      await store.putModel(model('a', ['a']))
      await store.writeManifest('http://one/', { id: 'a' })
      const next = reopen?.() ?? store
      expect(sameBytes(await readBack(next, 'a'), large)).toBe(true)
      expect(await next.models()).toEqual([model('a', ['a'])])
      expect(await next.readManifest('http://one/')).toEqual({ id: 'a' })
    })

    test('returns a partly stored file, and takes the rest', async () => {
      const store = await create()
      const hash = await loadCheck()
      const first = large.subarray(0, chunkBytes)
      const record: FileRecord = {
        key: 'a',
        size: large.length,
        location: await store.locationOf(large.length),
        checks: [checkOf(hash, first)],
        etag: '"e"',
      }
      await store.append(record, first)
      expect(await store.file('a')).toEqual(record)
      const into = new Uint8Array(large.length)
      const reported: number[] = []
      expect(await store.read(record, into, (read) => reported.push(read))).toBe(true)
      expect(reported).toEqual([chunkBytes])
      expect(sameBytes(into.subarray(0, chunkBytes), first)).toBe(true)
      await storeFile(store, 'a', large)
      expect(sameBytes(await readBack(store, 'a'), large)).toBe(true)
    })

    const closed = corrupt ? '' : ' (skipped: nothing else can write to it)'
    test
      .skipIf(!corrupt)
      .each<[string, (bytes: Uint8Array<ArrayBuffer>) => Uint8Array<ArrayBuffer> | undefined]>([
        ['a flipped bit', (bytes) => bytes.map((byte, at) => (at === 100 ? byte ^ 4 : byte))],
        ['a chunk that is too short', (bytes) => bytes.slice(0, -1)],
        ['a missing chunk', () => undefined],
      ])(`detects %s, and takes the file again${closed}`, async (_what, change) => {
      const store = await create()
      const record = await storeFile(store, 'a', large)
      await corrupt?.(record, 1, change(large.slice(chunkBytes)))
      expect(await readBack(store, 'a')).toBe('wrong')
      await store.removeFiles(['a'])
      await storeFile(store, 'a', large)
      expect(sameBytes(await readBack(store, 'a'), large)).toBe(true)
    })

    test('removes a file and its bytes', async () => {
      const store = await create()
      const record = await storeFile(store, 'a', large)
      await storeFile(store, 'b', small)
      await store.removeFiles(['a'])
      expect(await readBack(store, 'a')).toBe('absent')
      expect(await store.read(record, new Uint8Array(record.size))).toBe(false)
      expect(sameBytes(await readBack(store, 'b'), small)).toBe(true)
    })

    test('removes a model with the files that no other model uses', async () => {
      const store = await create()
      await storeFile(store, 'a', small)
      await storeFile(store, 'shared', small)
      await store.putModel(model('one', ['a', 'shared']))
      await store.putModel(model('two', ['shared']))
      await store.removeModels([modelKey(model('one', []))])
      expect(await store.models()).toEqual([model('two', ['shared'])])
      expect(await readBack(store, 'a')).toBe('absent')
      expect(sameBytes(await readBack(store, 'shared'), small)).toBe(true)
      await store.removeModels([modelKey(model('two', []))])
      expect(await store.files()).toEqual([])
    })

    test('keeps the manifest last seen at an address', async () => {
      const store = await create()
      expect(await store.readManifest('http://one/')).toBeUndefined()
      await store.writeManifest('http://one/', { id: 'a' })
      await store.writeManifest('http://one/', { id: 'b' })
      expect(await store.readManifest('http://one/')).toEqual({ id: 'b' })
      expect(await store.readManifest('http://two/')).toBeUndefined()
    })

    test('estimates its free space', async () => {
      const store = await create()
      expect(await store.availableBytes()).toBeGreaterThan(large.length)
    })
  })
}

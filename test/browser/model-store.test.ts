import { wrap } from 'comlink'
import { createStore, del, set } from 'idb-keyval'
import { expect, test } from 'vitest'
import { systemClock } from '../../models/async/clock.ts'
import { chunkKey } from '../../web/store/storage/fetch-chunk.ts'
import { createIndexedDbStore } from '../../web/store/storage/indexeddb-store.ts'
import { createMemoryStore } from '../../web/store/storage/memory-store.ts'
import { chunkRange, type ModelStore } from '../../web/store/storage/model-store.ts'
import { openOpfs } from '../../web/store/storage/opfs.ts'
import { modelStoreContract } from '../contract/model-store.ts'
import type { OpfsWorkerApi } from './opfs-worker.ts'

let count = 0
const name = () => `spillway-test-${count}`
const openOnPage = () => createIndexedDbStore({ clock: systemClock, opfs: openOpfs(name()), name: name() })

modelStoreContract('IndexedDB', {
  create: async () => {
    count++
    return openOnPage()
  },
  reopen: openOnPage,
  corrupt: ({ key }, index, bytes) => {
    const store = createStore(name(), 'models')
    return bytes ? set(chunkKey(key, index), bytes.buffer, store) : del(chunkKey(key, index), store)
  },
})

modelStoreContract('memory', { create: async () => createMemoryStore() })

const worker = new Worker(new URL('./opfs-worker.ts', import.meta.url), { type: 'module' })
const api = wrap<OpfsWorkerApi>(worker)

/** Bytes are read and written in the worker, records on the page. */
const openInWorker = (): ModelStore => ({
  ...openOnPage(),
  locationOf: (size) => api.locationOf(name(), size),
  append: (record, chunk) => api.append(name(), record, chunk),
  read: async (record, into, onBytes) => {
    const { isIntact, bytes, reported } = await api.read(name(), record)
    into.set(bytes)
    for (const read of reported) onBytes?.(read)
    return isIntact
  },
})

modelStoreContract('the origin private file system', {
  create: async () => {
    count++
    return openInWorker()
  },
  reopen: openInWorker,
  corrupt: ({ key, size }, index, bytes) => api.overwrite(name(), key, chunkRange(index, size).start, bytes),
})

test('large files lie in the origin private file system, in a worker only', async () => {
  expect(await api.locationOf(name(), 1)).toBe('opfs')
  expect(await openOnPage().locationOf(2 ** 30)).toBe('indexeddb')
})

test('a full memory store refuses another file, and keeps its own', async () => {
  const store = createMemoryStore(10)
  const record = { key: 'a', size: 8, location: 'memory', checks: ['x'] } as const
  expect(await store.append(record, new Uint8Array(8))).toBe('kept')
  expect(await store.append({ ...record, key: 'b' }, new Uint8Array(8))).toBe('full')
  expect((await store.files()).map(({ key }) => key)).toEqual(['a'])
})

/** A worker with plain ways to store a file, and with the project's store limited to IndexedDB. */
import { expose, transfer } from 'comlink'
import { createStore, get, set } from 'idb-keyval'
import { systemClock as clock } from '../../../models/async/clock.ts'
import { openDigestFor } from '../../../web/store/download/sha256-digest-worker.ts'
import { createIndexedDbStore } from '../../../web/store/storage/indexeddb-store.ts'
import { chunkBytes } from '../../../web/store/storage/model-store.ts'
import { openOpfs } from '../../../web/store/storage/opfs.ts'
import { loadFile } from '../../../web/store/worker/load-file.ts'
import type { StoreFiles } from '../../../web/store/worker/store-files.ts'
import { filesOf } from '../../../workers/protocol/worker-files.ts'
import type { BenchFile } from './store.ts'

const files = filesOf<StoreFiles>(location.hash)
const openDigest = openDigestFor(clock, files.digest)
const plain = createStore('bench-plain', 'chunks')
const opfs = openOpfs('bench')
const store = createIndexedDbStore({
  clock,
  opfs,
  name: 'bench',
  reader: files.reader,
  opfsFrom: Number.POSITIVE_INFINITY,
})

const api = {
  /** Fetches a file, then writes it in chunks. */
  download: async (href: string) => {
    const bytes = await (await fetch(href, { cache: 'no-store' })).arrayBuffer()
    for (let start = 0; start < bytes.byteLength; start += chunkBytes) {
      await set(start / chunkBytes, bytes.slice(start, start + chunkBytes), plain)
    }
  },
  /** Reads the chunks and discards them. */
  read: async (count: number) => {
    for (let index = 0; index < count; index++) await get<ArrayBuffer>(index, plain)
  },
  /** As the product loads files that are not large. */
  loadFiles: async ({ href, sha256, size }: BenchFile) => {
    const request = () => ({ url: new URL(href) })
    const file = { path: 'file', key: { sha256 }, size, request }
    const { bytes } = await loadFile(file, {
      store,
      openDigest,
      clock,
      evictFor: async () => true,
      onBytes: () => undefined,
    })
    return transfer(bytes, [bytes])
  },
}
export type StoreBenchApi = typeof api
expose(api)

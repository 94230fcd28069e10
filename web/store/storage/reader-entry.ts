/** The worker that reads chunks of a large file from IndexedDB, beside the store's own. */
import { expose, transfer } from 'comlink'
import { createStore, type UseStore } from 'idb-keyval'
import { checkOf, loadCheck } from './chunk-checksum.ts'
import { type ChunkLocation, fetchChunk, objectStore } from './fetch-chunk.ts'

const check = loadCheck()
let store: UseStore | undefined

const api = {
  /** Resolves once it can read. */
  open: async (database: string) => {
    store = createStore(database, objectStore)
    await check
  },
  /** A chunk; undefined if it is missing or fails its check. */
  read: async (location: ChunkLocation, expected: string) => {
    const chunk = store && (await fetchChunk(location, store))
    if (!chunk || checkOf(await check, chunk) !== expected) return undefined
    return transfer(chunk.buffer, [chunk.buffer])
  },
}
export type ReaderApi = typeof api
expose(api)

import { createStore, get, promisifyRequest, set, setMany, type UseStore } from 'idb-keyval'
import type { Clock } from '../../../models/async/clock.ts'
import { withTimeout } from '../../../models/async/timeouts.ts'
import { SpillwayError } from '../../../models/core/index.ts'
import { chunkKey, fetchChunk, objectStore } from './fetch-chunk.ts'
import {
  chunkRange,
  type FileRecord,
  filesOnlyOf,
  isFull,
  type Kept,
  keptBytes,
  type ModelRecord,
  type ModelStore,
  modelKey,
} from './model-store.ts'
import type { Opfs } from './opfs.ts'
import { readChunks } from './read-chunks.ts'

/** Milliseconds for one operation: a database that another tab is upgrading or a broken profile may never answer. */
const timeoutMs = 10_000

/** Milliseconds for which a database that did not answer is left alone. */
const restMs = 60_000

/** Bytes from which a file lies in the origin's private files, where they can be had: it loads faster from there. */
const opfsFrom = 64 * 2 ** 20

export interface IndexedDbOptions {
  readonly clock: Clock
  readonly opfs: Opfs
  readonly name?: string
  readonly opfsFrom?: number
}

export interface IndexedDbStore extends ModelStore {
  /** Whether the browser lets the page keep anything. */
  isUsable(): Promise<boolean>
}

/** The store in IndexedDB: records, manifests, and chunks of all but large files. */
export function createIndexedDbStore(options: IndexedDbOptions): IndexedDbStore {
  const { clock, opfs, name = 'spillway' } = options
  let opened: UseStore | undefined
  let restUntil = Number.NEGATIVE_INFINITY

  const perform = async <T>(operation: (store: UseStore) => Promise<T>): Promise<T> => {
    if (clock.now() < restUntil) throw new SpillwayError('internal', 'IndexedDB is left alone')
    try {
      opened ??= createStore(name, objectStore)
      return await withTimeout(clock, timeoutMs, operation(opened), () => {
        restUntil = clock.now() + restMs
        return new SpillwayError('internal', 'IndexedDB does not answer')
      })
    } catch (cause) {
      // A failed open would stay failed in idb-keyval: the next attempt opens anew.
      if (!isFull(cause)) opened = undefined
      throw cause
    }
  }
  // Private windows and blocked storage fail here: the page then works without a store.
  const attempt = <T>(operation: (store: UseStore) => Promise<T>): Promise<T | undefined> =>
    perform(operation).catch(() => undefined)

  const list = async <T>(kind: Kind): Promise<T[]> =>
    (await attempt((store) => store('readonly', (objects) => promisifyRequest(all<T>(objects, kind))))) ?? []

  const files = () => list<FileRecord>('file')

  const removeFromOpfs = async (keys: readonly string[]) => {
    await Promise.all(keys.map((key) => opfs.remove(key)))
  }

  return {
    isUsable: async () => (await attempt((store) => get('probe', store).then(() => true))) ?? false,
    locationOf: async (size) =>
      size >= (options.opfsFrom ?? opfsFrom) && (await opfs.isUsable()) ? 'opfs' : 'indexeddb',
    file: (key) => attempt((store) => get<FileRecord>(fileKey(key), store)),
    files,
    read: (record, into, onBytes) =>
      record.location === 'opfs'
        ? opfs.read(record, into, onBytes)
        : readChunks(record, into, {
            clock,
            database: name,
            fetch: (location) => attempt((store) => fetchChunk(location, store)),
            onBytes,
          }),
    append: async (record, chunk) => {
      const index = record.checks.length - 1
      const entries: [string, unknown][] = [[fileKey(record.key), record]]
      if (record.location === 'opfs') {
        const kept = await opfs.write(record.key, chunkRange(index, record.size).start, chunk)
        if (kept !== 'kept') return kept
      } else {
        entries.push([chunkKey(record.key, index), wholeBuffer(chunk)])
      }
      return perform((store) => setMany(entries, store)).then(
        (): Kept => 'kept',
        (cause): Kept => (isFull(cause) ? 'full' : 'refused'),
      )
    },
    removeFiles: async (keys) => {
      await attempt((store) =>
        store('readwrite', (objects) => {
          for (const key of keys) deleteFile(objects, key)
          return promisifyRequest(objects.transaction)
        }),
      )
      await removeFromOpfs(keys)
    },
    models: () => list<ModelRecord>('model'),
    putModel: async (model) => {
      await attempt((store) => set(modelRecordKey(modelKey(model)), model, store))
    },
    removeModels: async (keys) => {
      // In one transaction: a model that another tab adds meanwhile keeps its files.
      const removed = await attempt((store) =>
        store('readwrite', async (objects) => {
          const leaving = filesOnlyOf(await promisifyRequest(all<ModelRecord>(objects, 'model')), keys)
          for (const key of leaving) deleteFile(objects, key)
          for (const key of keys) objects.delete(modelRecordKey(key))
          await promisifyRequest(objects.transaction)
          return leaving
        }),
      )
      await removeFromOpfs(removed ?? [])
    },
    availableBytes: async () => {
      // Browsers that do not tell are told by the first write that fails.
      const told = await navigator.storage?.estimate().catch(() => undefined)
      const kept = (await files()).reduce((sum, file) => sum + keptBytes(file), 0)
      // What a browser tells of usage may be minutes old.
      return (told?.quota ?? Number.POSITIVE_INFINITY) - Math.max(told?.usage ?? 0, kept)
    },
    readManifest: (url) => attempt((store) => get<unknown>(manifestKey(url), store)),
    writeManifest: async (url, manifest) => {
      await attempt((store) => set(manifestKey(url), manifest, store))
    },
  }
}

type Kind = 'file' | 'model'

const all = <T>(objects: IDBObjectStore, kind: Kind): IDBRequest<T[]> =>
  objects.getAll(IDBKeyRange.bound(`${kind}:`, `${kind}:\uffff`))

function deleteFile(objects: IDBObjectStore, key: string): void {
  objects.delete(fileKey(key))
  objects.delete(IDBKeyRange.bound(`chunk:${key}#`, `chunk:${key}#\uffff`))
}

const fileKey = (key: string) => `file:${key}`
const modelRecordKey = (key: string) => `model:${key}`
const manifestKey = (url: string) => `manifest:${url}`

/** A view would be kept with all of the buffer that it looks at. */
const wholeBuffer = ({ buffer, byteOffset, byteLength }: Uint8Array<ArrayBuffer>): ArrayBuffer =>
  byteLength === buffer.byteLength ? buffer : buffer.slice(byteOffset, byteOffset + byteLength)

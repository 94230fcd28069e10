import { get, promisifyRequest, set, setMany } from 'idb-keyval'
import type { Clock } from '../../../models/async/clock.ts'
import { createDatabase, isFull } from './database.ts'
import { chunkKey, fetchChunk, objectStore } from './fetch-chunk.ts'
import {
  chunkRange,
  type FileRecord,
  filesUsedOnlyBy,
  type ModelRecord,
  type ModelStore,
  modelKey,
  storedBytes,
  type WriteResult,
} from './model-store.ts'
import type { Opfs } from './opfs.ts'
import { readChunks } from './read-chunks.ts'

/** Milliseconds for one operation. */
const timeoutMs = 10_000

/** How long a database that did not answer is not used again. */
const backOffMs = 60_000

/** The size from which a file is stored in the origin private file system, where there is one: it loads faster. */
const opfsFromBytes = 64 * 2 ** 20

export interface IndexedDbOptions {
  readonly clock: Clock
  readonly opfs: Opfs
  readonly name?: string
  readonly opfsFrom?: number
  /** The address of the script of a worker that helps to read large files. Without it the calling thread reads alone. */
  readonly reader?: string
}

export interface IndexedDbStore extends ModelStore {
  /** Whether the browser lets the page store anything. */
  isUsable(): Promise<boolean>
}

/** Records, manifests and the chunks of smaller files in IndexedDB; the chunks of large files in `opfs`. */
export function createIndexedDbStore(options: IndexedDbOptions): IndexedDbStore {
  const { clock, opfs, name = 'spillway' } = options
  const { perform, attempt } = createDatabase({ clock, name, objectStore, timeoutMs, backOffMs })

  const list = async <T>(kind: Kind): Promise<T[]> =>
    (await attempt((store) => store('readonly', (objects) => promisifyRequest(all<T>(objects, kind))))) ?? []

  const files = () => list<FileRecord>('file')

  const removeFromOpfs = async (keys: readonly string[]) => {
    await Promise.all(keys.map((key) => opfs.remove(key)))
  }

  return {
    isUsable: async () => (await attempt((store) => get('probe', store).then(() => true))) ?? false,
    locationOf: async (size) =>
      size >= (options.opfsFrom ?? opfsFromBytes) && (await opfs.isUsable()) ? 'opfs' : 'indexeddb',
    file: (key) => attempt((store) => get<FileRecord>(fileKey(key), store)),
    files,
    read: (record, into, onBytes) =>
      record.location === 'opfs'
        ? opfs.read(record, into, onBytes)
        : readChunks(record, into, {
            clock,
            database: name,
            reader: options.reader,
            fetch: (location) => attempt((store) => fetchChunk(location, store)),
            onBytes,
          }),
    append: async (record, chunk) => {
      const index = record.checks.length - 1
      const entries: [string, unknown][] = [[fileKey(record.key), record]]
      if (record.location === 'opfs') {
        const result = await opfs.write(record.key, chunkRange(index, record.size).start, chunk)
        if (result !== 'kept') return result
      } else {
        entries.push([chunkKey(record.key, index), ownBuffer(chunk)])
      }
      return perform((store) => setMany(entries, store)).then(
        (): WriteResult => 'kept',
        (cause): WriteResult => (isFull(cause) ? 'full' : 'refused'),
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
      // In one transaction, so that a model that another tab adds meanwhile keeps its files.
      const removed = await attempt((store) =>
        store('readwrite', async (objects) => {
          const leaving = filesUsedOnlyBy(await promisifyRequest(all<ModelRecord>(objects, 'model')), keys)
          for (const key of leaving) deleteFile(objects, key)
          for (const key of keys) objects.delete(modelRecordKey(key))
          await promisifyRequest(objects.transaction)
          return leaving
        }),
      )
      await removeFromOpfs(removed ?? [])
    },
    availableBytes: async () => {
      // A browser without an estimate shows its limit by the first write that fails.
      const estimate = await navigator.storage?.estimate().catch(() => undefined)
      const stored = (await files()).reduce((sum, file) => sum + storedBytes(file), 0)
      // The reported usage may be minutes old.
      return (estimate?.quota ?? Number.POSITIVE_INFINITY) - Math.max(estimate?.usage ?? 0, stored)
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

/** IndexedDB would store a view with all of its buffer. */
const ownBuffer = ({ buffer, byteOffset, byteLength }: Uint8Array<ArrayBuffer>): ArrayBuffer =>
  byteLength === buffer.byteLength ? buffer : buffer.slice(byteOffset, byteOffset + byteLength)

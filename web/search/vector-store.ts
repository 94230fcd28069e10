import { sha256 } from '@noble/hashes/sha2.js'
import { promisifyRequest } from 'idb-keyval'
import type { Clock } from '../../models/async/clock.ts'
import { toHex } from '../../models/core/hex.ts'
import { createDatabase, isFull } from '../store/storage/database.ts'
import type { WriteResult } from '../store/storage/model-store.ts'

/** What made the vectors: one variant of one version of a model. */
export interface VectorSource {
  readonly id: string
  readonly version: string
  readonly variant: string
}

/** The vectors of some texts, as `model.embed()` gives them. */
export interface TextVectors {
  /** One for each text, in order, all of one width. */
  readonly embeddings: readonly Float32Array[]
  /** Indices of the texts of which only the beginning was read. */
  readonly truncated: readonly number[]
}

/** The vectors of one source that are stored. */
export interface StoredVectors extends VectorSource {
  readonly count: number
  readonly bytes: number
}

/**
 * Vectors of texts, kept between visits. A text itself is not kept, only the SHA-256 of the texts that were embedded
 * together. No method throws: where the browser stores nothing, it is always empty.
 */
export interface VectorStore {
  /** The vectors of these texts, in their order; undefined where they are not stored together. */
  read(source: VectorSource, texts: readonly string[]): Promise<TextVectors | undefined>
  /** Makes room first: of more than `maxBytes`, those that were written first are removed. */
  write(source: VectorSource, texts: readonly string[], vectors: TextVectors): Promise<WriteResult>
  list(): Promise<readonly StoredVectors[]>
  /** Removes all vectors of a model. @returns The bytes that were freed. */
  remove(id: string): Promise<number>
  clear(): Promise<void>
}

export interface VectorStoreOptions {
  readonly clock: Clock
  readonly name?: string
  /** The most bytes of all vectors. */
  readonly maxBytes?: number
}

/** Milliseconds for one operation: a search waits for it. */
const timeoutMs = 3_000

/** How long a database that did not answer is not used again. */
const backOffMs = 60_000

const defaultMaxBytes = 64 * 2 ** 20

/** All that a list and the bounds need is in the keys, so that neither reads a vector. `writtenAt` is a date in milliseconds. */
type Key = [
  id: string,
  version: string,
  variant: string,
  texts: string,
  count: number,
  width: number,
  writtenAt: number,
]

/** Keys that begin so, whatever follows: an array sorts after all numbers and strings. */
const beginningWith = (...start: readonly string[]) => IDBKeyRange.bound(start, [...start, []])

const bytesOf = ([, , , , count, width]: Key) => count * width * Float32Array.BYTES_PER_ELEMENT

export function createVectorStore({
  clock,
  name = 'spillway-vectors',
  maxBytes = defaultMaxBytes,
}: VectorStoreOptions): VectorStore {
  const { perform, attempt } = createDatabase({ clock, name, objectStore: 'vectors', timeoutMs, backOffMs })
  const rangeOf = ({ id, version, variant }: VectorSource, texts: readonly string[]) =>
    beginningWith(id, version, variant, hashOf(texts))
  return {
    read: (source, texts) =>
      attempt((store) =>
        store('readonly', async (objects) =>
          vectorsOf(await promisifyRequest<unknown>(objects.get(rangeOf(source, texts))), texts.length),
        ),
      ),
    write: (source, texts, { embeddings, truncated }) => {
      const [first] = embeddings
      if (!first) return Promise.resolve('refused')
      const { id, version, variant } = source
      const key: Key = [id, version, variant, hashOf(texts), texts.length, first.length, Date.now()]
      const numbers = new Float32Array(texts.length * first.length)
      for (const [index, vector] of embeddings.entries()) numbers.set(vector, index * first.length)
      return perform((store) =>
        store('readwrite', async (objects) => {
          objects.delete(rangeOf(source, texts))
          const keys = await allKeys(objects)
          for (const old of leaving(keys, maxBytes - bytesOf(key))) objects.delete(old)
          objects.put({ numbers, truncated }, key)
          await promisifyRequest(objects.transaction)
        }),
      ).then(
        (): WriteResult => 'kept',
        (cause): WriteResult => (isFull(cause) ? 'full' : 'refused'),
      )
    },
    list: async () => {
      const sums = new Map<string, StoredVectors>()
      for (const key of (await attempt((store) => store('readonly', allKeys))) ?? []) {
        const [id, version, variant, , count] = key
        const source = JSON.stringify([id, version, variant])
        const sum = sums.get(source) ?? { id, version, variant, count: 0, bytes: 0 }
        sums.set(source, { ...sum, count: sum.count + count, bytes: sum.bytes + bytesOf(key) })
      }
      return [...sums.values()]
    },
    remove: async (id) => {
      const removed = await attempt((store) =>
        store('readwrite', async (objects) => {
          const keys = await allKeys(objects, beginningWith(id))
          objects.delete(beginningWith(id))
          await promisifyRequest(objects.transaction)
          return keys
        }),
      )
      return total(removed ?? [])
    },
    clear: async () => {
      await attempt((store) =>
        store('readwrite', (objects) => {
          objects.clear()
          return promisifyRequest(objects.transaction)
        }),
      )
    },
  }
}

const total = (keys: readonly Key[]) => keys.reduce((sum, key) => sum + bytesOf(key), 0)

/** Those that were written first, until the others fit. */
function leaving(keys: readonly Key[], room: number): readonly Key[] {
  const left: Key[] = []
  let bytes = total(keys)
  for (const key of [...keys].sort((one, other) => one[6] - other[6])) {
    if (bytes <= room) break
    left.push(key)
    bytes -= bytesOf(key)
  }
  return left
}

const allKeys = async (objects: IDBObjectStore, range?: IDBKeyRange): Promise<Key[]> =>
  (await promisifyRequest(objects.getAllKeys(range))).filter(isKey)

const isKey = (key: unknown): key is Key => Array.isArray(key) && key.length === 7

/** The texts as JSON, so that no two lists of texts read alike. */
const hashOf = (texts: readonly string[]): string =>
  toHex(sha256(new TextEncoder().encode(JSON.stringify(texts))))

/** Undefined for what another version of this code has written. */
function vectorsOf(stored: unknown, count: number): TextVectors | undefined {
  if (typeof stored !== 'object' || stored === null || !('numbers' in stored) || !('truncated' in stored))
    return undefined
  const { numbers, truncated } = stored
  if (!(numbers instanceof Float32Array) || numbers.length === 0 || numbers.length % count !== 0)
    return undefined
  if (!Array.isArray(truncated) || !truncated.every(Number.isInteger)) return undefined
  const width = numbers.length / count
  const embeddings = Array.from({ length: count }, (_, index) =>
    numbers.subarray(index * width, (index + 1) * width),
  )
  return { embeddings, truncated }
}

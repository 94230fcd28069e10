import { get, type UseStore } from 'idb-keyval'

/** The name of the database's one object store. */
export const objectStore = 'models'

/** One chunk of a file in IndexedDB. */
export interface ChunkLocation {
  /** `keyText` of the file's key. */
  readonly key: string
  readonly index: number
  /** The length that the chunk must have. */
  readonly bytes: number
}

export const chunkKey = (key: string, index: number) => `chunk:${key}#${index}`

/** Undefined if there is no chunk of that size. */
export async function fetchChunk(
  { key, index, bytes }: ChunkLocation,
  store: UseStore,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const chunk = await get<unknown>(chunkKey(key, index), store)
  return chunk instanceof ArrayBuffer && chunk.byteLength === bytes ? new Uint8Array(chunk) : undefined
}

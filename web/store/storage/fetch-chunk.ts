import { get, type UseStore } from 'idb-keyval'

/** The one object store, in which all lies. */
export const objectStore = 'models'

/** One chunk of a file. */
export interface ChunkPlace {
  /** `keyText` of the file's key. */
  readonly key: string
  readonly index: number
  readonly bytes: number
}

export const chunkKey = (key: string, index: number) => `chunk:${key}#${index}`

/** The chunk, if there is one of that size. */
export async function fetchChunk(
  { key, index, bytes }: ChunkPlace,
  store: UseStore,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const chunk = await get<unknown>(chunkKey(key, index), store)
  return chunk instanceof ArrayBuffer && chunk.byteLength === bytes ? new Uint8Array(chunk) : undefined
}

/** Bytes of one chunk: below every browser's limit for one value, and large enough to be read fast. */
export const chunkBytes = 16 * 2 ** 20

/** Where a file's chunks lie. Records lie in IndexedDB, or in memory with their chunks. */
export type StorageLocation = 'indexeddb' | 'opfs' | 'memory'

/** The store's record of one file, complete or partly downloaded. */
export interface FileRecord {
  /** `keyText` of its source's key. */
  readonly key: string
  readonly location: StorageLocation
  /** Bytes of the whole file. */
  readonly size: number
  /** The XXH128 of each stored chunk, in order. */
  readonly checks: readonly string[]
  /** Set once the file is complete and its bytes have passed this SHA-256. */
  readonly sha256?: string
  /** The strong ETag of a partly downloaded file, if it has one: the rest must have the same. */
  readonly etag?: string | undefined
}

/** One variant of a model and its files, which are listed, removed and evicted together. */
export interface ModelRecord {
  readonly id: string
  readonly version: string
  readonly variant: string
  /** Keys of all its files, stored or not. */
  readonly files: readonly string[]
  /** The date of its last load, in milliseconds since 1970. */
  readonly usedAt: number
}

/** The id of ONNX Runtime's record, which is kept, evicted and removed as a model's. No model's id begins with a slash. */
export const runtimeId = '/onnxruntime-web'

export const isRuntime = ({ id }: Pick<ModelRecord, 'id'>): boolean => id === runtimeId

export const modelKey = ({ id, version, variant }: Omit<ModelRecord, 'files' | 'usedAt'>): string =>
  `${id}@${version}/${variant}`

/** `full`: there is no space. `refused`: the browser stores nothing, or does not answer. */
export type WriteResult = 'kept' | 'full' | 'refused'

/**
 * Model files, kept between visits as chunks of `chunkBytes` (the last one is shorter), with a record per file.
 * No method throws: a store that cannot keep anything is always empty. The writer guarantees that a record has a
 * `sha256` only if its file passed it.
 */
export interface ModelStore {
  /** Where a file of `size` bytes is to be stored. */
  locationOf(size: number): Promise<StorageLocation>
  file(key: string): Promise<FileRecord | undefined>
  files(): Promise<readonly FileRecord[]>
  /**
   * Reads the chunks of a record into the start of `into`, and checks each.
   *
   * @returns Whether all chunks are there and pass their checks.
   */
  read(record: FileRecord, into: Uint8Array, onBytes?: (read: number) => void): Promise<boolean>
  /** Stores the last chunk of a record together with the record: both or neither. */
  append(record: FileRecord, chunk: Uint8Array<ArrayBuffer>): Promise<WriteResult>
  removeFiles(keys: readonly string[]): Promise<void>
  models(): Promise<readonly ModelRecord[]>
  putModel(model: ModelRecord): Promise<void>
  /** Removes the models, and each file that no other model uses. */
  removeModels(keys: readonly string[]): Promise<void>
  /** Bytes that can be stored in addition, by the browser's estimate. */
  availableBytes(): Promise<number>
  /** The last manifest seen at `url`, not validated: a stored model runs while its server is down. */
  readManifest(url: string): Promise<unknown>
  writeManifest(url: string, manifest: unknown): Promise<void>
}

/** The byte range of a file's chunk. */
export const chunkRange = (index: number, size: number) => {
  const start = index * chunkBytes
  return { start, end: Math.min(size, start + chunkBytes) }
}

/** Bytes of a record's stored chunks. */
export const storedBytes = ({ checks, size }: FileRecord): number =>
  Math.min(size, checks.length * chunkBytes)

/** Files of the removed models that no other model uses. */
export function filesUsedOnlyBy(models: readonly ModelRecord[], removed: readonly string[]): string[] {
  const leaving = models.filter((model) => removed.includes(modelKey(model)))
  const staying = new Set(models.filter((model) => !leaving.includes(model)).flatMap(({ files }) => files))
  return leaving.flatMap(({ files }) => files).filter((file) => !staying.has(file))
}

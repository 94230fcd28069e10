/** Bytes of one chunk: under every browser's limit for one value, and large enough to be read fast. */
export const chunkBytes = 16 * 2 ** 20

/** Where a file's chunks lie. Its record lies in IndexedDB, unless all is in memory. */
export type StorageLocation = 'indexeddb' | 'opfs' | 'memory'

/** What the store knows of one file, complete or on its way. */
export interface FileRecord {
  /** `keyText` of its source's key. */
  readonly key: string
  readonly location: StorageLocation
  /** Bytes of the whole file. */
  readonly size: number
  /** Of each chunk that is here, in order: its XXH128. */
  readonly checks: readonly string[]
  /** Of the whole file, which passed it: there once all of it is. */
  readonly sha256?: string
  /** The strong ETag that a file on its way came with, where it has one: what follows must have it too. */
  readonly etag?: string | undefined
}

/** One variant of a model, and its files: what is listed, removed and evicted together. */
export interface ModelRecord {
  readonly id: string
  readonly version: string
  readonly variant: string
  /** Keys of its files, those that are not here yet included. */
  readonly files: readonly string[]
  /** When it was last loaded, in milliseconds since 1970. */
  readonly usedAt: number
}

export const modelKey = ({ id, version, variant }: Omit<ModelRecord, 'files' | 'usedAt'>): string =>
  `${id}@${version}/${variant}`

/** Whether bytes were kept. `full`: there is no room; `refused`: the browser keeps nothing, or does not answer. */
export type Kept = 'kept' | 'full' | 'refused'

export const isFull = (cause: unknown): boolean =>
  cause instanceof Error && cause.name === 'QuotaExceededError'

/**
 * Model files, kept between visits as chunks of `chunkBytes` (the last one shorter), with a record per file.
 * Nothing here throws: a store that cannot keep anything answers every read with nothing. Who writes sees to it
 * that a record has a `sha256` only when its file passed it.
 */
export interface ModelStore {
  /** Where a file of so many bytes would lie. */
  locationOf(size: number): Promise<StorageLocation>
  file(key: string): Promise<FileRecord | undefined>
  files(): Promise<readonly FileRecord[]>
  /**
   * Reads the chunks of a record into the start of `into`, each checked.
   *
   * @returns Whether all of them are what was kept.
   */
  read(record: FileRecord, into: Uint8Array, onBytes?: (read: number) => void): Promise<boolean>
  /** Keeps the last chunk of a record with the record: both or neither. */
  append(record: FileRecord, chunk: Uint8Array<ArrayBuffer>): Promise<Kept>
  removeFiles(keys: readonly string[]): Promise<void>
  models(): Promise<readonly ModelRecord[]>
  putModel(model: ModelRecord): Promise<void>
  /** Removes the models, and each file that no other model has. */
  removeModels(keys: readonly string[]): Promise<void>
  /** Bytes that can be kept besides what is here, as far as the browser tells. */
  availableBytes(): Promise<number>
  /** The last manifest seen at `url`, so that a kept model is known with its server gone. It is not validated. */
  readManifest(url: string): Promise<unknown>
  writeManifest(url: string, manifest: unknown): Promise<void>
}

/** The part of a file that its chunk number `index` is. */
export const chunkRange = (index: number, size: number) => {
  const start = index * chunkBytes
  return { start, end: Math.min(size, start + chunkBytes) }
}

/** Bytes of a record's chunks. */
export const keptBytes = ({ checks, size }: FileRecord): number => Math.min(size, checks.length * chunkBytes)

/** Files of the models to be removed that no other model has. */
export function filesOnlyOf(models: readonly ModelRecord[], removed: readonly string[]): string[] {
  const leaving = models.filter((model) => removed.includes(modelKey(model)))
  const staying = new Set(models.filter((model) => !leaving.includes(model)).flatMap(({ files }) => files))
  return leaving.flatMap(({ files }) => files).filter((file) => !staying.has(file))
}

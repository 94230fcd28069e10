import type { IHasher } from 'hash-wasm'
import { checkOf } from '../storage/chunk-checksum.ts'
import {
  chunkBytes,
  chunkRange,
  type FileRecord,
  type ModelStore,
  type StorageLocation,
} from '../storage/model-store.ts'

export interface ChunkWriterOptions {
  /** `keyText` of the file's key. */
  readonly key: string
  readonly store: ModelStore
  /** Frees space in the store, and resolves to whether there is enough for `bytes` more. */
  readonly evictFor: (bytes: number, isFull: boolean) => Promise<boolean>
}

/** Writes the chunks of one file to the store, in order, for as long as there is space for the whole file. */
export class ChunkWriter {
  readonly #options: ChunkWriterOptions
  readonly #hasher: IHasher
  #location: StorageLocation | undefined
  #checks: string[] = []
  #isKept = true

  constructor(options: ChunkWriterOptions, hasher: IHasher) {
    this.#options = options
    this.#hasher = hasher
  }

  /** Chunks that were written. */
  get count(): number {
    return this.#checks.length
  }

  /** Whether the file is being stored. False for good once there was no space for it. */
  get isKept(): boolean {
    return this.#isKept
  }

  /** Whether the chunks outlive the page: those in memory do not. */
  get outlivesPage(): boolean {
    return this.#isKept && this.#location !== 'memory'
  }

  /** Continues after the chunks of a record. */
  resume({ location, checks }: FileRecord): void {
    this.#location = location
    this.#checks = [...checks]
  }

  /** Removes all chunks. */
  async clear(): Promise<void> {
    await this.#options.store.removeFiles([this.#options.key])
    this.#checks = []
  }

  /** Writes the next chunk of the file that is in `bytes`. */
  async writeNext(
    bytes: Uint8Array<ArrayBuffer>,
    size: number,
    state: Pick<FileRecord, 'sha256' | 'etag'>,
  ): Promise<void> {
    if (!this.#isKept) return
    const { key, store, evictFor } = this.#options
    const index = this.#checks.length
    const bytesLeft = size - index * chunkBytes
    // Asked before each chunk: other tabs write, too, and the browser's estimate may change.
    if (!(await evictFor(bytesLeft, false))) return this.#giveUp()
    this.#location ??= await store.locationOf(size)
    const { start, end } = chunkRange(index, size)
    const chunk = bytes.subarray(start, end)
    this.#checks.push(checkOf(this.#hasher, chunk))
    const record = { key, location: this.#location, size, checks: [...this.#checks], ...state }
    let result = await store.append(record, chunk)
    if (result === 'full' && (await evictFor(bytesLeft, true))) result = await store.append(record, chunk)
    if (result !== 'kept') await this.#giveUp()
  }

  /** Part of a file that cannot be completed would only take space. */
  async #giveUp(): Promise<void> {
    this.#isKept = false
    await this.#options.store.removeFiles([this.#options.key])
  }
}

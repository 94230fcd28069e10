import type { IHasher } from 'hash-wasm'
import { SpillwayError } from '../../../models/core/index.ts'
import { checkOf, loadCheck } from '../storage/chunk-check.ts'
import {
  chunkBytes,
  chunkRange,
  type FileRecord,
  keptBytes,
  type ModelStore,
  type StorageLocation,
} from '../storage/model-store.ts'
import type { Digest, OpenDigest } from './digest.ts'
import { wrongHash, wrongSize } from './download-errors.ts'
import type { FileSource } from './file-source.ts'

export interface DownloadSinkOptions {
  readonly file: FileSource
  /** `keyText` of the file's key. */
  readonly key: string
  readonly store: ModelStore
  readonly openDigest: OpenDigest
  /** Sees to it that so many bytes can be kept. */
  readonly makeRoom: (bytes: number, isFull: boolean) => Promise<boolean>
}

/** Bytes that are given to the digest in one go. */
const pieceBytes = 4 * 2 ** 20

export interface Taken {
  readonly bytes: ArrayBuffer
  readonly sha256: string
  /** Whether the store has it. */
  readonly isKept: boolean
}

/**
 * A file on its way in. Its bytes come into the one buffer that is used later; each chunk that is full is written
 * to the store before more is taken. The digest may lag behind: the last chunk is written when the file has
 * passed its SHA-256, so no file is whole in the store that did not.
 */
export class DownloadSink {
  readonly #options: DownloadSinkOptions
  readonly #digest: Digest
  readonly #check: IHasher
  #at: StorageLocation | undefined
  #size: number | undefined
  #buffer: Uint8Array<ArrayBuffer>
  #received = 0
  /** Bytes that the digest was given. */
  #digested = 0
  #checks: string[] = []
  #isKept = true
  /** The strong ETag of the bytes so far. */
  etag: string | undefined

  private constructor(options: DownloadSinkOptions, digest: Digest, check: IHasher) {
    this.#options = options
    this.#digest = digest
    this.#check = check
    this.#size = options.file.size
    this.#buffer = allocate(this.#size ?? 0)
  }

  /** Takes a file up where an earlier visit left it, if it did. */
  static async open(options: DownloadSinkOptions): Promise<DownloadSink> {
    const { openDigest, file, store, key } = options
    const [check, digest] = await orNoWebAssembly(
      async () => [await loadCheck(), await openDigest(file.size)] as const,
    )
    try {
      const sink = new DownloadSink(options, digest, check)
      const record = await store.file(key)
      if (record && !(await sink.#resume(record))) await sink.restart()
      return sink
    } catch (cause) {
      // A digest may be a worker, which nobody else would end.
      digest.close()
      throw cause
    }
  }

  /** Bytes that are here, from its start. */
  get received(): number {
    return this.#received
  }

  /** Bytes of the whole file, once they are known. */
  get size(): number | undefined {
    return this.#size
  }

  /** Whether what comes is being kept. */
  get isKept(): boolean {
    return this.#isKept
  }

  /** @throws SpillwayError `file_altered` where the server has a file of another size. */
  announce(size: number): void {
    if (this.#size !== undefined && this.#size !== size) {
      throw wrongSize(this.#options.file, this.#size, `${size}`)
    }
    this.#size = size
  }

  /** @throws SpillwayError `file_altered` past the file's size. */
  async take(bytes: Uint8Array): Promise<void> {
    const end = this.#received + bytes.length
    if (this.#size !== undefined && end > this.#size) {
      throw wrongSize(this.#options.file, this.#size, 'more')
    }
    this.#grow(end)
    this.#buffer.set(bytes, this.#received)
    await this.advance(bytes.length)
  }

  /** Where the bytes from `start` to `end` belong, for who fills it itself. The file's size must be known. */
  region(start: number, end: number): Uint8Array {
    this.#grow(end)
    return this.#buffer.subarray(start, end)
  }

  /** Takes so many further bytes that are in their place. */
  async advance(length: number): Promise<void> {
    const end = this.#received + length
    while (this.#received < end) {
      const chunkEnd = this.#received - (this.#received % chunkBytes) + chunkBytes
      this.#received = Math.min(end, chunkEnd)
      if (this.#received - this.#digested >= pieceBytes) await this.#feedDigest()
      if (this.#received === chunkEnd && this.#size !== undefined && chunkEnd < this.#size) {
        await this.#keepChunk({ etag: this.etag })
      }
    }
  }

  /**
   * The file, once all bytes came.
   *
   * @throws SpillwayError `file_altered`: then nothing of it is kept, here or in the store.
   */
  async finish(): Promise<Taken> {
    const { file } = this.#options
    this.#size ??= this.#received
    await this.#feedDigest()
    const sha256 = await this.#digest.finish()
    if ('sha256' in file.key && file.key.sha256 !== sha256) {
      await this.restart()
      throw wrongHash(file, file.key.sha256, sha256)
    }
    const count = Math.ceil(this.#size / chunkBytes)
    while (this.#checks.length < count && this.isKept) {
      await this.#keepChunk(this.#checks.length === count - 1 ? { sha256 } : {})
    }
    return { bytes: this.#whole(), sha256, isKept: this.isKept }
  }

  close(): void {
    this.#digest.close()
  }

  /** Forgets all that came. */
  async restart(): Promise<void> {
    const { store, key, file } = this.#options
    await store.removeFiles([key])
    this.#digest.restart()
    this.#size = file.size
    this.#received = 0
    this.#digested = 0
    this.#checks = []
    this.etag = undefined
  }

  async #resume(record: FileRecord): Promise<boolean> {
    const { file, store } = this.#options
    const { sha256, etag, size } = record
    if (sha256 !== undefined || (file.size !== undefined && file.size !== size)) return false
    this.#grow(size)
    if (!(await store.read(record, this.#buffer))) return false
    this.#size = size
    this.#at = record.location
    this.#received = keptBytes(record)
    this.#checks = [...record.checks]
    this.etag = etag
    return true
  }

  async #feedDigest(): Promise<void> {
    while (this.#digested < this.#received) {
      const start = this.#digested
      this.#digested = Math.min(this.#received, start + pieceBytes)
      await this.#digest.update(this.#buffer.subarray(start, this.#digested))
    }
  }

  /** Writes the next chunk. It is waited for: what would come meanwhile would be lost besides it if the tab closed. */
  async #keepChunk(state: Pick<FileRecord, 'sha256' | 'etag'>): Promise<void> {
    const size = this.#size ?? this.#received
    if (!this.isKept) return
    // Asked at each chunk: others write, too, and the browser may change its mind.
    if (!(await this.#options.makeRoom(size - this.#checks.length * chunkBytes, false))) return this.#giveUp()
    this.#at ??= await this.#options.store.locationOf(size)
    const { start, end } = chunkRange(this.#checks.length, size)
    const chunk = this.#buffer.subarray(start, end)
    this.#checks.push(checkOf(this.#check, chunk))
    const checks = [...this.#checks]
    await this.#write({ key: this.#options.key, location: this.#at, size, checks, ...state }, chunk)
  }

  async #write(record: FileRecord, chunk: Uint8Array<ArrayBuffer>): Promise<void> {
    const { store, makeRoom } = this.#options
    let kept = await store.append(record, chunk)
    const left = record.size - chunkRange(record.checks.length - 1, record.size).start
    if (kept === 'full' && (await makeRoom(left, true))) kept = await store.append(record, chunk)
    if (kept === 'kept') return
    await this.#giveUp()
  }

  /** A part that can not become whole only takes room. */
  async #giveUp(): Promise<void> {
    this.#isKept = false
    await this.#options.store.removeFiles([this.#options.key])
  }

  /** Where the size is not known before, room is made as the file grows. */
  #grow(length: number): void {
    if (length <= this.#buffer.length) return
    const grown = allocate(this.#size ?? Math.max(length, this.#buffer.length * 2))
    grown.set(this.#buffer.subarray(0, this.#received))
    this.#buffer = grown
  }

  #whole(): ArrayBuffer {
    const { buffer, length } = this.#buffer
    return this.#size === length ? buffer : buffer.slice(0, this.#size)
  }
}

/** What checks files is WebAssembly. */
async function orNoWebAssembly<T>(open: () => Promise<T>): Promise<T> {
  try {
    return await open()
  } catch (cause) {
    const message = 'The page may not run WebAssembly, which checks files'
    throw SpillwayError.from(cause, 'capacity_insufficient', message)
  }
}

function allocate(size: number): Uint8Array<ArrayBuffer> {
  try {
    return new Uint8Array(size)
  } catch (cause) {
    throw new SpillwayError(
      'capacity_insufficient',
      'The page has no memory for the model',
      { expected: `${size} bytes` },
      { cause },
    )
  }
}

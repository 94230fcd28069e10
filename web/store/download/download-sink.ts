import { SpillwayError } from '../../../models/core/index.ts'
import { loadCheck } from '../storage/chunk-checksum.ts'
import { chunkBytes, type FileRecord, storedBytes } from '../storage/model-store.ts'
import { ChunkWriter, type ChunkWriterOptions } from './chunk-writer.ts'
import { rangeUnsatisfiable, sizeMismatch } from './download-errors.ts'
import type { FileResponse } from './fetch-file.ts'
import { FileBuffer } from './file-buffer.ts'
import type { FileSource } from './file-source.ts'
import type { Digest, OpenDigest } from './sha256-digest.ts'
import { verifySha256 } from './verify-sha256.ts'

export interface DownloadSinkOptions extends ChunkWriterOptions {
  readonly file: FileSource
  readonly openDigest: OpenDigest
  /** Called with the file's bytes once they have passed their SHA-256, before the store has written the last chunk. */
  readonly onVerified?: ((bytes: Uint8Array<ArrayBuffer>) => void) | undefined
}

/** Bytes given to the digest in one update. */
const digestBytes = 4 * 2 ** 20

/** A verified file. */
export interface LoadedFile {
  readonly bytes: ArrayBuffer
  readonly sha256: string
  /** Whether the store has it after the page has ended. */
  readonly isKept: boolean
}

/** A range of the file that is written while the bytes before it may still be missing. */
export interface SegmentWriter {
  readonly length: number
  /** Bytes written, from the segment's start. */
  readonly received: number
  /** @throws SpillwayError `file_altered` past the segment's end. */
  write(bytes: Uint8Array): void
  /** Appends the written bytes to the file. Segments are committed in order; a gap before one drops its bytes. */
  commit(): Promise<void>
}

/**
 * The destination of a file's bytes. They go into the one buffer that is used later. Each full chunk is written to the
 * store before more is taken. The digest may lag behind. The last chunk is written once the file has passed its
 * SHA-256, so no file that failed it is ever complete in the store.
 */
export class DownloadSink {
  readonly #file: FileSource
  readonly #digest: Digest
  readonly #chunks: ChunkWriter
  readonly #buffer: FileBuffer
  readonly #onVerified: DownloadSinkOptions['onVerified']
  #size: number | undefined
  #received = 0
  /** Bytes that the digest was given. */
  #digested = 0
  #etag: string | undefined

  private constructor({ file, onVerified }: DownloadSinkOptions, digest: Digest, chunks: ChunkWriter) {
    this.#file = file
    this.#onVerified = onVerified
    this.#digest = digest
    this.#chunks = chunks
    this.#size = file.size
    this.#buffer = new FileBuffer(file.size ?? 0)
  }

  /**
   * Opens the sink of a file, with the chunks that an earlier visit stored.
   *
   * @throws SpillwayError `capacity_insufficient` if the page may not run WebAssembly or has no memory for the file.
   */
  static async open(options: DownloadSinkOptions): Promise<DownloadSink> {
    const { openDigest, file, store, key } = options
    const [check, digest] = await requireWebAssembly(
      async () => [await loadCheck(), await openDigest(file.size)] as const,
    )
    try {
      const sink = new DownloadSink(options, digest, new ChunkWriter(options, check))
      const record = await store.file(key)
      if (record && !(await sink.#resume(record, options))) await sink.restart()
      return sink
    } catch (cause) {
      // The digest may be a worker, which must be ended.
      digest.close()
      throw cause
    }
  }

  /** Bytes that are here, from the file's start. */
  get received(): number {
    return this.#received
  }

  /** Bytes of the whole file, once they are known. */
  get size(): number | undefined {
    return this.#size
  }

  /** The strong ETag of the bytes so far. */
  get etag(): string | undefined {
    return this.#etag
  }

  /**
   * Prepares for the bytes of a response: those that are here stay if the response continues them.
   *
   * @throws SpillwayError `file_altered` for a file of another size; `server_response_invalid` if the server has nothing
   * after the bytes that are here.
   */
  async begin({ kind, etag, total }: Omit<FileResponse, 'parts'>): Promise<void> {
    if (kind !== 'part' && this.#received > 0) await this.restart()
    if (kind === 'unsatisfiable') throw rangeUnsatisfiable(this.#file)
    if (total !== undefined) {
      if (this.#size !== undefined && this.#size !== total) {
        throw sizeMismatch(this.#file, this.#size, `${total}`)
      }
      this.#size = total
    }
    if (this.#received === 0) this.#etag = etag
  }

  /** @throws SpillwayError `file_altered` past the file's size. */
  async write(bytes: Uint8Array): Promise<void> {
    const end = this.#received + bytes.length
    if (this.#size !== undefined && end > this.#size) throw sizeMismatch(this.#file, this.#size, 'more')
    this.#buffer.grow(end, this.#size)
    this.#buffer.bytes.set(bytes, this.#received)
    await this.#advanceTo(end)
  }

  /** A writer of the bytes from `start` to before `end`. The file's size must be known. */
  reserve(start: number, end: number): SegmentWriter {
    this.#buffer.grow(end, this.#size)
    const segment = this.#buffer.bytes.subarray(start, end)
    let received = 0
    return {
      length: segment.length,
      get received() {
        return received
      },
      write: (bytes) => {
        if (received + bytes.length > segment.length) {
          throw sizeMismatch(this.#file, segment.length, 'more')
        }
        segment.set(bytes, received)
        received += bytes.length
      },
      commit: async () => {
        if (this.#received === start) await this.#advanceTo(start + received)
      },
    }
  }

  /**
   * The file, once all bytes are here.
   *
   * @throws SpillwayError `file_altered`. Nothing of the file is kept then, here or in the store.
   */
  async finish(): Promise<LoadedFile> {
    const size = this.#size ?? this.#received
    this.#size = size
    await this.#feedDigest()
    const sha256 = await this.#digest.finish()
    const mismatch = verifySha256(this.#file, sha256)
    if (mismatch) {
      await this.restart()
      throw mismatch
    }
    this.#onVerified?.(this.#buffer.bytes.subarray(0, size))
    const count = Math.ceil(size / chunkBytes)
    while (this.#chunks.count < count && this.#chunks.isKept) {
      const isLast = this.#chunks.count === count - 1
      await this.#chunks.writeNext(this.#buffer.bytes, size, isLast ? { sha256 } : {})
    }
    return { bytes: this.#buffer.take(size), sha256, isKept: this.#chunks.outlivesPage }
  }

  close(): void {
    this.#digest.close()
  }

  /** Forgets all bytes, here and in the store. */
  async restart(): Promise<void> {
    await this.#chunks.clear()
    this.#digest.restart()
    this.#size = this.#file.size
    this.#received = 0
    this.#digested = 0
    this.#etag = undefined
  }

  async #resume(record: FileRecord, { store }: DownloadSinkOptions): Promise<boolean> {
    const { sha256, etag, size } = record
    if (sha256 !== undefined || (this.#file.size !== undefined && this.#file.size !== size)) return false
    this.#buffer.grow(size, size)
    if (!(await store.read(record, this.#buffer.bytes))) return false
    this.#chunks.resume(record)
    this.#size = size
    this.#received = storedBytes(record)
    this.#etag = etag
    return true
  }

  /**
   * Counts the bytes up to `end`, which are in the buffer. A full chunk is written before the next bytes are taken: if
   * the tab closes, only bytes of the current chunk are lost.
   */
  async #advanceTo(end: number): Promise<void> {
    while (this.#received < end) {
      const chunkEnd = this.#received - (this.#received % chunkBytes) + chunkBytes
      this.#received = Math.min(end, chunkEnd)
      if (this.#received - this.#digested >= digestBytes) await this.#feedDigest()
      if (this.#received === chunkEnd && this.#size !== undefined && chunkEnd < this.#size) {
        await this.#chunks.writeNext(this.#buffer.bytes, this.#size, { etag: this.#etag })
      }
    }
  }

  async #feedDigest(): Promise<void> {
    while (this.#digested < this.#received) {
      const start = this.#digested
      this.#digested = Math.min(this.#received, start + digestBytes)
      await this.#digest.update(this.#buffer.bytes.subarray(start, this.#digested))
    }
  }
}

/** Checksums and digests are WebAssembly, which the page's content policy may forbid. */
async function requireWebAssembly<T>(open: () => Promise<T>): Promise<T> {
  try {
    return await open()
  } catch (cause) {
    const message = 'The page may not run WebAssembly, which checks files'
    throw SpillwayError.from(cause, 'capacity_insufficient', message)
  }
}

import type { Clock } from '../../../models/async/clock.ts'
import { detachBuffers } from '../../../models/async/detach-buffers.ts'
import { startSubworker } from '../subworker.ts'
import { loadCheck, sliceBytes } from './chunk-checksum.ts'
import type { ChunkLocation } from './fetch-chunk.ts'
import { chunkRange, type FileRecord } from './model-store.ts'
import type { ReaderApi } from './reader-entry.ts'

/** From this many chunks on a second reader is worth its start. */
const minChunksForSubworker = 4

export interface ReadOptions {
  readonly clock: Clock
  /** The database's name. */
  readonly database: string
  /** The address of the script of a worker that helps. Without it this thread reads alone. */
  readonly reader: string | undefined
  readonly fetch: (location: ChunkLocation) => Promise<Uint8Array<ArrayBuffer> | undefined>
  readonly onBytes?: ((read: number) => void) | undefined
}

/** Reads a chunk into its place in the file; false if it is missing or fails its check. */
type ReadChunk = (location: ChunkLocation, check: string, into: Uint8Array) => Promise<boolean>

/**
 * Reads the chunks of a file from IndexedDB into the file's bytes, and checks each. Reading keeps a thread busy, since
 * the browser copies each value three times there; so two threads share a large file.
 *
 * @returns Whether all chunks passed their checks.
 */
export async function readChunks(file: FileRecord, into: Uint8Array, options: ReadOptions): Promise<boolean> {
  const { key, size, checks } = file
  const { reader } = options
  const waiting = [...checks.keys()]
  let isIntact = true
  let bytesRead = 0
  const readAll = async (readChunk: ReadChunk) => {
    for (let index = waiting.shift(); isIntact && index !== undefined; index = waiting.shift()) {
      const { start, end } = chunkRange(index, size)
      const location = { key, index, bytes: end - start }
      try {
        isIntact = (await readChunk(location, checks[index] ?? '', into.subarray(start, end))) && isIntact
      } catch (cause) {
        waiting.push(index)
        throw cause
      }
      bytesRead += location.bytes
      if (isIntact) options.onBytes?.(bytesRead)
    }
  }

  let isSubworkerReading = false
  const readInSubworker = async (script: string) => {
    const reader = await startReader(options, script)
    try {
      await readAll((...chunk) => {
        isSubworkerReading = true
        return reader.read(...chunk).finally(() => {
          isSubworkerReading = false
        })
      })
    } finally {
      reader.terminate()
    }
  }
  const readHere = await openReader(options)
  // If the subworker does not start, or dies, this thread reads its chunks.
  const reading =
    reader !== undefined && checks.length >= minChunksForSubworker
      ? readInSubworker(reader).catch(() => undefined)
      : undefined
  await readAll(readHere)
  if (isSubworkerReading) await reading
  await readAll(readHere)
  return isIntact
}

/** A reader on this thread. */
async function openReader({ fetch }: ReadOptions): Promise<ReadChunk> {
  const hash = await loadCheck()
  return async (location, check, into) => {
    const chunk = await fetch(location)
    if (!chunk) return false
    hash.init()
    for (let at = 0; at < chunk.length; at += sliceBytes) {
      const slice = chunk.subarray(at, at + sliceBytes)
      hash.update(slice)
      into.set(slice, at)
    }
    detachBuffers([chunk.buffer])
    return hash.digest() === check
  }
}

/** A reader in a subworker, which checks as well: this thread only copies. */
async function startReader(
  { clock, database }: ReadOptions,
  script: string,
): Promise<{ read: ReadChunk; terminate(): void }> {
  const { api, guard, terminate } = await startSubworker<ReaderApi>(
    clock,
    new URL(script),
    'spillway reader',
    (started) => started.open(database),
  )
  const read: ReadChunk = async (location, check, into) => {
    const chunk = await guard(api.read(location, check))
    if (!chunk) return false
    into.set(new Uint8Array(chunk))
    detachBuffers([chunk])
    return true
  }
  return { read, terminate }
}

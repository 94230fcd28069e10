import type { Clock } from '../../../models/async/clock.ts'
import { startHelper } from '../worker/helper.ts'
import { loadCheck, sliceBytes } from './chunk-check.ts'
import { detachBuffer, hastenCollection } from './detach-buffer.ts'
import type { ChunkPlace } from './fetch-chunk.ts'
import { chunkRange, type FileRecord } from './model-store.ts'
import type { ReaderApi } from './reader-entry.ts'
import readerUrl from './reader-entry.ts?worker&url'

/** Chunks that are worth a second reader, which takes a moment to start. */
const worthwhile = 4

export interface Reading {
  readonly clock: Clock
  /** Its name. */
  readonly database: string
  readonly fetch: (location: ChunkPlace) => Promise<Uint8Array<ArrayBuffer> | undefined>
  readonly onBytes?: ((read: number) => void) | undefined
}

/** Puts a chunk where it belongs, and tells whether it is what was kept. */
type Put = (location: ChunkPlace, check: string, into: Uint8Array) => Promise<boolean>

/**
 * Reads the chunks of a file from IndexedDB into the file's bytes, each checked. To read one is work for the thread
 * that asks, on which the browser copies it three times; so a large file is read by two.
 *
 * @returns Whether all of them are what was kept.
 */
export async function readChunks(file: FileRecord, into: Uint8Array, reading: Reading): Promise<boolean> {
  const { key, size, checks } = file
  const left = [...checks.keys()]
  let isRight = true
  let done = 0
  const putAll = async (put: Put) => {
    for (let index = left.shift(); isRight && index !== undefined; index = left.shift()) {
      const { start, end } = chunkRange(index, size)
      const location = { key, index, bytes: end - start }
      try {
        isRight = (await put(location, checks[index] ?? '', into.subarray(start, end))) && isRight
      } catch (cause) {
        left.push(index)
        throw cause
      }
      done += location.bytes
      if (isRight) reading.onBytes?.(done)
    }
  }

  let isHelping = false
  const help = async () => {
    const helper = await startReader(reading)
    try {
      await putAll((...chunk) => {
        isHelping = true
        return helper.put(...chunk).finally(() => {
          isHelping = false
        })
      })
    } finally {
      helper.end()
    }
  }
  const putHere = await openReader(reading)
  // What a helper leaves that does not start, or dies, is read here.
  const helped = checks.length >= worthwhile ? help().catch(() => undefined) : undefined
  await putAll(putHere)
  if (isHelping) await helped
  await putAll(putHere)
  return isRight
}

/** Reads on this thread. */
async function openReader({ fetch }: Reading): Promise<Put> {
  const hash = await loadCheck()
  return async (location, check, into) => {
    hastenCollection()
    const chunk = await fetch(location)
    if (!chunk) return false
    hash.init()
    for (let at = 0; at < chunk.length; at += sliceBytes) {
      const slice = chunk.subarray(at, at + sliceBytes)
      hash.update(slice)
      into.set(slice, at)
    }
    detachBuffer(chunk.buffer)
    return hash.digest() === check
  }
}

/** Has a worker read and check: what is left to this thread is one copy. */
async function startReader({ clock, database }: Reading): Promise<{ put: Put; end(): void }> {
  const url = new URL(readerUrl, import.meta.url)
  const { api, answered, end } = await startHelper<ReaderApi>(clock, url, 'spillway reader', (started) =>
    started.open(database),
  )
  const put: Put = async (location, check, into) => {
    const chunk = await answered(api.read(location, check))
    if (!chunk) return false
    into.set(new Uint8Array(chunk))
    detachBuffer(chunk)
    return true
  }
  return { put, end }
}

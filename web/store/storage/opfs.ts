import type { IHasher } from 'hash-wasm'
import { loadCheck, sliceBytes } from './chunk-checksum.ts'
import { isFull } from './database.ts'
import { chunkRange, type FileRecord, type WriteResult } from './model-store.ts'

declare global {
  // Missing in the DOM's types: only dedicated workers have it.
  interface FileSystemFileHandle {
    createSyncAccessHandle?(): Promise<SyncAccessHandle>
  }
}

interface SyncAccessHandle {
  read(into: Uint8Array, options: { at: number }): number
  write(bytes: Uint8Array, options: { at: number }): number
  close(): void
}

/**
 * The origin private file system, with one file per model file. It is read several times as fast as IndexedDB, and only
 * in workers.
 */
export interface Opfs {
  isUsable(): Promise<boolean>
  read(record: FileRecord, into: Uint8Array, onBytes?: (read: number) => void): Promise<boolean>
  write(key: string, at: number, bytes: Uint8Array): Promise<WriteResult>
  remove(key: string): Promise<void>
}

/** @param name The name of the store's folder. */
export function openOpfs(name: string): Opfs {
  let usable: Promise<boolean> | undefined
  const folder = async () =>
    (await navigator.storage.getDirectory()).getDirectoryHandle(name, { create: true })

  /** A file has one handle at a time. This fails while another tab holds it. */
  const withHandle = async <T>(key: string, create: boolean, use: (handle: SyncAccessHandle) => T) => {
    const file = await (await folder()).getFileHandle(key, { create })
    const handle = await file.createSyncAccessHandle?.()
    if (!handle) throw new Error('No synchronous file access in this realm')
    try {
      return use(handle)
    } finally {
      handle.close()
    }
  }

  return {
    isUsable: () => {
      usable ??= folder().then(
        () => 'createSyncAccessHandle' in FileSystemFileHandle.prototype,
        () => false,
      )
      return usable
    },
    read: async (record, into, onBytes) => {
      const hash = await loadCheck()
      try {
        return await withHandle(record.key, false, (handle) => readAll(handle, record, into, hash, onBytes))
      } catch {
        return false
      }
    },
    write: async (key, at, bytes) => {
      try {
        const written = await withHandle(key, true, (handle) => handle.write(bytes, { at }))
        return written === bytes.length ? 'kept' : 'full'
      } catch (cause) {
        return isFull(cause) ? 'full' : 'refused'
      }
    },
    remove: async (key) => {
      // A file that another tab has open stays. It has no record, and is overwritten later.
      await folder()
        .then((files) => files.removeEntry(key))
        .catch(() => undefined)
    },
  }
}

function readAll(
  handle: SyncAccessHandle,
  { checks, size }: FileRecord,
  into: Uint8Array,
  hash: IHasher,
  onBytes?: (read: number) => void,
): boolean {
  for (const [index, expected] of checks.entries()) {
    const { start, end } = chunkRange(index, size)
    hash.init()
    for (let at = start; at < end; at += sliceBytes) {
      const slice = into.subarray(at, Math.min(end, at + sliceBytes))
      if (handle.read(slice, { at }) !== slice.length) return false
      hash.update(slice)
    }
    if (hash.digest() !== expected) return false
    onBytes?.(end)
  }
  return true
}

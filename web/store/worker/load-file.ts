import type { Clock } from '../../../models/async/clock.ts'
import type { OpenDigest } from '../download/digest.ts'
import { download } from '../download/download.ts'
import { withDownloadLock } from '../download/download-lock.ts'
import { DownloadSink, type Taken } from '../download/download-sink.ts'
import { keyText } from '../download/file-key.ts'
import type { FileSource } from '../download/file-source.ts'
import type { ModelStore } from '../storage/model-store.ts'

export interface LoadFileOptions {
  readonly store: ModelStore
  readonly openDigest: OpenDigest
  readonly clock: Clock
  readonly signal?: AbortSignal | undefined
  readonly makeRoom: (bytes: number, isFull: boolean) => Promise<boolean>
  /** Bytes of the file that are here, and how many of them the store had when this began. */
  readonly onBytes: (here: number, stored: number) => void
}

/**
 * The verified bytes of a file: from the store, else fetched and kept there, once for all tabs.
 *
 * @throws SpillwayError `file_missing`, `file_altered`, `file_truncated`, `server_unreachable`, `server_timeout`,
 * `server_response_invalid`, `overloaded`, `capacity_insufficient` or `aborted`; or what the source throws.
 */
export async function loadFile(file: FileSource, options: LoadFileOptions): Promise<Taken> {
  const { store, openDigest, clock, signal, makeRoom, onBytes } = options
  const key = await keyText(file.key)
  const read = () => readKept(store, key, (bytes) => onBytes(bytes, bytes))
  const kept = await read()
  if (kept) return kept
  const watch = { clock, signal, onBytes: (received: number) => onBytes(received, 0) }
  return withDownloadLock(key, watch, async (tell) => {
    // Another tab may have brought it meanwhile.
    const brought = await read()
    if (brought) return brought
    const sink = await DownloadSink.open({ file, key, store, openDigest, makeRoom })
    try {
      const stored = sink.received
      onBytes(stored, stored)
      const cache = (await store.locationOf(file.size ?? 0)) === 'memory' ? 'default' : 'no-store'
      return await download(file, sink, {
        clock,
        signal,
        cache,
        onBytes: (received) => {
          tell(received)
          onBytes(received, Math.min(stored, received))
        },
      })
    } finally {
      sink.close()
    }
  })
}

/** Bytes that are not what was kept are removed. */
async function readKept(
  store: ModelStore,
  key: string,
  onBytes: (read: number) => void,
): Promise<Taken | undefined> {
  const record = await store.file(key)
  if (record?.sha256 === undefined) return undefined
  const bytes = new Uint8Array(record.size)
  if (await store.read(record, bytes, onBytes)) {
    return { bytes: bytes.buffer, sha256: record.sha256, isKept: true }
  }
  await store.removeFiles([key])
  return undefined
}

import type { Clock } from '../../../models/async/clock.ts'
import { download } from '../download/download.ts'
import { withDownloadLock } from '../download/download-lock.ts'
import { DownloadSink, type DownloadSinkOptions, type LoadedFile } from '../download/download-sink.ts'
import { type FileSource, keyText } from '../download/file-source.ts'
import type { TransferOptions } from '../download/resume-transfer.ts'
import type { OpenDigest } from '../download/sha256-digest.ts'
import type { ModelStore } from '../storage/model-store.ts'

export interface LoadFileOptions
  extends Pick<TransferOptions, 'onResponse'>,
    Pick<DownloadSinkOptions, 'onVerified'> {
  readonly store: ModelStore
  readonly openDigest: OpenDigest
  readonly clock: Clock
  readonly signal?: AbortSignal | undefined
  /** Frees space in the store, and resolves to whether there is enough for `bytes` more. */
  readonly evictFor: (bytes: number, isFull: boolean) => Promise<boolean>
  /** Called with the bytes of the file that are here, and how many of them were stored before. */
  readonly onBytes: (loaded: number, stored: number) => void
  /** Called when it turns out that this tab has to download the file, or the rest of it. */
  readonly onDownload?: (() => void) | undefined
}

/**
 * The verified bytes of a file: from the store, or downloaded and stored, by one tab for all.
 *
 * @throws SpillwayError `file_missing`, `access_denied`, `file_altered`, `file_truncated`, `server_unreachable`,
 * `server_timeout`, `server_response_invalid`, `overloaded`, `capacity_insufficient` or `aborted`; or what the source
 * throws.
 */
export async function loadFile(file: FileSource, options: LoadFileOptions): Promise<LoadedFile> {
  const { store, openDigest, clock, signal, evictFor, onBytes, onDownload, onResponse, onVerified } = options
  const key = await keyText(file.key)
  const read = async () => {
    const stored = await readStored(store, key, (bytes) => onBytes(bytes, bytes))
    if (stored) onVerified?.(new Uint8Array(stored.bytes))
    return stored
  }
  const stored = await read()
  if (stored) return stored
  const lockOptions = { clock, signal, onBytes: (received: number) => onBytes(received, 0) }
  return withDownloadLock(key, lockOptions, async (report) => {
    // Another tab may have downloaded it meanwhile.
    const downloaded = await read()
    if (downloaded) return downloaded
    const sink = await DownloadSink.open({ file, key, store, openDigest, evictFor, onVerified })
    try {
      onDownload?.()
      const resumed = sink.received
      onBytes(resumed, resumed)
      // The browser's cache would hold a second copy of what the store keeps.
      const cache = (await store.locationOf(file.size ?? 0)) === 'memory' ? 'default' : 'no-store'
      return await download(file, sink, {
        clock,
        signal,
        cache,
        onResponse,
        onBytes: (received) => {
          report(received)
          onBytes(received, Math.min(resumed, received))
        },
      })
    } finally {
      sink.close()
    }
  })
}

/** A complete file from the store. One that fails its checks is removed. */
async function readStored(
  store: ModelStore,
  key: string,
  onBytes: (read: number) => void,
): Promise<LoadedFile | undefined> {
  const record = await store.file(key)
  if (record?.sha256 === undefined) return undefined
  const bytes = new Uint8Array(record.size)
  if (await store.read(record, bytes, onBytes)) {
    return { bytes: bytes.buffer, sha256: record.sha256, isKept: record.location !== 'memory' }
  }
  await store.removeFiles([key])
  return undefined
}

import { withAbort } from '../../../models/async/abort.ts'
import { SpillwayError } from '../../../models/core/index.ts'
import { isRetryable } from './download-errors.ts'
import type { DownloadSink, LoadedFile } from './download-sink.ts'
import type { FileSource } from './file-source.ts'
import { type TransferOptions, transfer } from './resume-transfer.ts'

/** Attempts in a row without progress after which a download fails. */
const maxAttempts = 5

/** An attempt that brings this many bytes is progress: a connection that is cut again and again still gets there. */
const progressBytes = 2 ** 16

/** The delay before the second attempt; doubles with each further one. */
const firstDelayMs = 250

/** Bounds the delay, also the one that a busy server asks for. */
const maxDelayMs = 30_000

/**
 * Fetches the missing rest of a file, in several attempts if needed.
 *
 * @throws SpillwayError The error of the last attempt; `file_altered` if the file failed its SHA-256 or size twice.
 */
export async function download(
  file: FileSource,
  sink: DownloadSink,
  options: TransferOptions,
): Promise<LoadedFile> {
  const { clock, signal } = options
  let { cache } = options
  let failures = 0
  let furthest = sink.received
  for (;;) {
    try {
      await transfer(file, sink, { ...options, cache })
      return await sink.finish()
    } catch (cause) {
      const error = SpillwayError.from(cause, 'internal', `${file.path} could not be fetched`)
      if (error.code === 'file_altered' && cache !== 'reload') {
        // An HTTP cache may hold wrong bytes, so the second fetch bypasses it.
        cache = 'reload'
        await sink.restart()
        continue
      }
      if (!isRetryable(error)) throw error
      failures = sink.received - furthest >= progressBytes ? 1 : failures + 1
      furthest = Math.max(furthest, sink.received)
      if (failures >= maxAttempts) throw error
      const delay = Math.max(firstDelayMs * 2 ** (failures - 1), error.detail.retryAfterMs ?? 0)
      await withAbort(
        signal,
        new Promise<void>((resolve) => clock.after(Math.min(delay, maxDelayMs), resolve)),
      )
    }
  }
}

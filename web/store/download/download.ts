import { withAbort } from '../../../models/async/abort.ts'
import type { Clock } from '../../../models/async/clock.ts'
import { SpillwayError } from '../../../models/core/index.ts'
import { chunkBytes } from '../storage/model-store.ts'
import { isPassing } from './download-errors.ts'
import type { DownloadSink, Taken } from './download-sink.ts'
import { exchange } from './fetch-file.ts'
import type { FileSource } from './file-source.ts'
import { takeSegments } from './segments.ts'
import { takeAnswer } from './take-answer.ts'

/** Attempts in a row that bring next to nothing, after which a download is given up. */
const maxAttempts = 5

/** Bytes that make an attempt worth its while: a line that drops again and again still gets there. */
const worthwhile = 2 ** 16

/** Milliseconds before the second attempt; each further one waits twice as long. */
const firstDelayMs = 250

/** The longest that a busy server is waited for, in milliseconds. */
const maxDelayMs = 30_000

export interface DownloadOptions {
  readonly clock: Clock
  readonly signal?: AbortSignal | undefined
  /** `no-store` where the store keeps the file: nobody needs it twice. */
  readonly cache: RequestCache
  readonly onBytes: (received: number) => void
}

/**
 * Fetches what is missing of a file, in as many attempts as it takes.
 *
 * @throws SpillwayError What the last attempt failed of; `file_altered` where the file is not what it should be,
 * fetched anew once.
 */
export async function download(
  file: FileSource,
  sink: DownloadSink,
  options: DownloadOptions,
): Promise<Taken> {
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
        // Past every cache: what it held may be what is wrong.
        cache = 'reload'
        await sink.restart()
        continue
      }
      if (!isPassing(error)) throw error
      failures = sink.received - furthest >= worthwhile ? 1 : failures + 1
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

/** One attempt. What it brought stays when it fails. */
async function transfer(file: FileSource, sink: DownloadSink, options: DownloadOptions): Promise<void> {
  const { size } = sink
  if (size === sink.received) return
  // Parts of two files must not be put together: the hash tells at the end, or the ETag of each part.
  const isOneFile = 'sha256' in file.key || sink.etag !== undefined
  if (!isOneFile && sink.received > 0) await sink.restart()
  if (isOneFile && size !== undefined && size - sink.received > chunkBytes) {
    return takeSegments(file, sink, { ...options, size })
  }
  const range = sink.received > 0 ? { start: sink.received } : undefined
  await exchange(file, { ...options, range, etag: sink.etag }, (answer) =>
    takeAnswer(file, sink, answer, options.onBytes),
  )
}

import type { Clock } from '../../../models/async/clock.ts'
import { chunkBytes } from '../storage/model-store.ts'
import { connectionCut, rangesStopped } from './download-errors.ts'
import type { DownloadSink, SegmentWriter } from './download-sink.ts'
import { type FileResponse, fetchFile } from './fetch-file.ts'
import type { FileSource } from './file-source.ts'

/**
 * The size of one range request, and the most at once. None goes past the chunk that is being filled, so a closed tab
 * loses at most one chunk. Of a browser's six connections to a host, four leave two to the page.
 */
const segmentBytes = 4 * 2 ** 20
const maxSegments = 4

export interface TransferOptions {
  readonly clock: Clock
  readonly signal?: AbortSignal | undefined
  readonly cache: RequestCache
  /** Called with the bytes of the file that are here. */
  readonly onBytes: (received: number) => void
  /** Called with each response that brings the file, or the rest of it, in one piece. */
  readonly onResponse?: ((response: FileResponse) => void) | undefined
}

/**
 * One attempt to fetch the missing rest of a file. The bytes that it brings stay in the sink if it fails.
 *
 * @throws SpillwayError As `fetchFile`; `file_altered` for a file of another size.
 */
export async function transfer(
  file: FileSource,
  sink: DownloadSink,
  options: TransferOptions,
): Promise<void> {
  const { size } = sink
  if (size === sink.received) return
  // Parts of two files must not be joined: the SHA-256 shows it at the end, or the ETag with each part.
  const isOneFile = 'sha256' in file.key || sink.etag !== undefined
  if (!isOneFile && sink.received > 0) await sink.restart()
  const isLarge = size !== undefined && size - sink.received > chunkBytes
  if (isOneFile && isLarge && !file.isSentCompressed) {
    return fetchSegments(file, sink, size, options)
  }
  const range = sink.received > 0 ? { start: sink.received } : undefined
  await fetchFile(file, { ...options, range, etag: sink.etag }, (response) =>
    writeResponse(file, sink, response, options),
  )
}

/** Writes the whole body: the rest of the file, or the file anew from a server that does not send the rest. */
async function writeResponse(
  file: FileSource,
  sink: DownloadSink,
  response: FileResponse,
  { onBytes, onResponse }: TransferOptions,
): Promise<void> {
  await sink.begin(response)
  onResponse?.(response)
  for await (const part of response.parts) {
    await sink.write(part)
    onBytes(sink.received)
  }
  if (sink.size !== undefined && sink.received < sink.size) {
    throw connectionCut(file, sink.size, sink.received)
  }
}

/** A range that is being fetched. */
interface Segment {
  readonly writer: SegmentWriter
  /** Resolves to false if the server sent the whole file instead, which is then in the sink. */
  readonly done: Promise<boolean>
}

/**
 * Fetches the rest of a large file in parallel ranges, and commits them in order. The first request is made alone: a
 * server that does not know ranges answers it with the whole file.
 */
async function fetchSegments(
  file: FileSource,
  sink: DownloadSink,
  size: number,
  options: TransferOptions,
): Promise<void> {
  const { signal, onBytes } = options
  const stop = new AbortController()
  const abort = () => stop.abort(signal?.reason)
  signal?.addEventListener('abort', abort, { once: true })
  if (signal?.aborted) abort()

  const requested: Segment[] = []
  const report = () => onBytes(requested.reduce((sum, { writer }) => sum + writer.received, sink.received))
  let next = sink.received
  /** False if the current chunk is requested to its end. */
  const request = (isFirst: boolean): boolean => {
    const chunkEnd = (Math.floor(sink.received / chunkBytes) + 1) * chunkBytes
    const range = { start: next, end: Math.min(size, chunkEnd, next + segmentBytes) }
    if (range.start >= range.end) return false
    next = range.end
    const writer = sink.reserve(range.start, range.end)
    const fetchOptions = { ...options, signal: stop.signal, range, etag: sink.etag }
    const done = fetchFile(file, fetchOptions, async (response) => {
      if (response.kind === 'part') {
        if (isFirst) await sink.begin(response)
        await writeSegment(file, writer, response, report)
        return true
      }
      if (!isFirst) throw rangesStopped(file)
      await writeResponse(file, sink, response, options)
      return false
    })
    // It is awaited when the segments before it are committed, and may fail earlier.
    done.catch(() => undefined)
    requested.push({ writer, done })
    return true
  }
  try {
    request(true)
    for (let segment = requested[0]; segment; segment = requested[0]) {
      try {
        if (!(await segment.done)) return
      } finally {
        // The bytes of a failed segment need not be fetched again.
        requested.shift()
        await segment.writer.commit()
      }
      while (requested.length < maxSegments && request(false));
    }
  } finally {
    signal?.removeEventListener('abort', abort)
    stop.abort()
  }
}

async function writeSegment(
  file: FileSource,
  writer: SegmentWriter,
  { parts }: FileResponse,
  report: () => void,
): Promise<void> {
  for await (const part of parts) {
    writer.write(part)
    report()
  }
  if (writer.received < writer.length) throw connectionCut(file, writer.length, writer.received)
}

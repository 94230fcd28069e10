import { abortedBy } from '../../../models/async/abort.ts'
import { SpillwayError } from '../../../models/core/index.ts'
import { chunkBytes } from '../storage/model-store.ts'
import type { DownloadOptions } from './download.ts'
import { brokenOff, wrongSize } from './download-errors.ts'
import type { DownloadSink } from './download-sink.ts'
import { exchange, type FileResponse } from './fetch-file.ts'
import type { FileSource } from './file-source.ts'
import { begin, takeAnswer } from './take-answer.ts'

/**
 * Bytes asked for at once, and requests at once. What is on its way never goes past the chunk that is being
 * filled: a chunk is the most that a closed tab costs. Four requests leave two of a browser's six connections to
 * a host for what the page asks meanwhile.
 */
const segmentBytes = 4 * 2 ** 20
const maxSegments = 4

/** A part of the file that is being fetched, filled from its start. */
interface Segment {
  /** Its place in the file's bytes. */
  readonly bytes: Uint8Array
  received: number
  /** Whether it is here; false where the server sent the whole file instead, and that was taken. */
  readonly done: Promise<boolean>
}

/**
 * Fetches the rest of a large file in parallel ranges; they are taken in order. A server that does not know
 * ranges answers the first one with the whole file, and that is taken.
 */
export async function takeSegments(
  file: FileSource,
  sink: DownloadSink,
  options: DownloadOptions & { readonly size: number },
): Promise<void> {
  const { size, signal, onBytes } = options
  const stop = new AbortController()
  const abort = () => stop.abort(signal?.reason)
  signal?.addEventListener('abort', abort, { once: true })
  if (signal?.aborted) abort()

  const asked: Segment[] = []
  const report = () => onBytes(asked.reduce((sum, { received }) => sum + received, sink.received))
  let next = sink.received
  const ask = (isFirst: boolean) => {
    const chunkEnd = (Math.floor(sink.received / chunkBytes) + 1) * chunkBytes
    const range = { start: next, end: Math.min(size, chunkEnd, next + segmentBytes) }
    if (range.start >= range.end) return false
    next = range.end
    const exchanged = { ...options, signal: stop.signal, range, etag: sink.etag }
    const fill = async (answer: FileResponse): Promise<boolean> => {
      if (answer.kind === 'part') {
        if (isFirst) await begin(file, sink, answer)
        await collect(file, segment, answer, stop.signal, report)
        return true
      }
      if (!isFirst) throw stopped(file)
      await takeAnswer(file, sink, answer, onBytes)
      return false
    }
    const segment: Segment = {
      bytes: sink.region(range.start, range.end),
      received: 0,
      done: exchange(file, exchanged, fill),
    }
    // Told when its turn comes; it may fail before.
    segment.done.catch(() => undefined)
    asked.push(segment)
    return true
  }
  try {
    ask(true)
    for (let segment = asked[0]; segment; segment = asked[0]) {
      try {
        if (!(await segment.done)) return
      } finally {
        // What came of one that failed is not fetched again.
        asked.shift()
        await sink.advance(segment.received)
      }
      while (asked.length < maxSegments && ask(false));
    }
  } finally {
    signal?.removeEventListener('abort', abort)
    stop.abort()
  }
}

async function collect(
  file: FileSource,
  segment: Segment,
  { parts }: FileResponse,
  signal: AbortSignal,
  report: () => void,
): Promise<void> {
  const { bytes } = segment
  for await (const part of parts) {
    // The place is another's by now.
    if (signal.aborted) throw abortedBy(signal)
    if (segment.received + part.length > bytes.length) throw wrongSize(file, bytes.length, 'more')
    bytes.set(part, segment.received)
    segment.received += part.length
    report()
  }
  if (segment.received < bytes.length) throw brokenOff(file, bytes.length, segment.received)
}

const stopped = ({ path }: FileSource) =>
  new SpillwayError('server_response_invalid', `The server stopped sending parts of ${path}`, {
    expected: 'status 206',
    got: 'another',
  })

import { SpillwayError } from '../../../models/core/index.ts'
import { brokenOff } from './download-errors.ts'
import type { DownloadSink } from './download-sink.ts'
import type { FileResponse } from './fetch-file.ts'
import type { FileSource } from './file-source.ts'

/** Takes all that an answer has: the rest of the file, or the file anew where the server does not go on. */
export async function takeAnswer(
  file: FileSource,
  sink: DownloadSink,
  answer: FileResponse,
  onBytes: (received: number) => void,
): Promise<void> {
  await begin(file, sink, answer)
  for await (const part of answer.parts) {
    await sink.take(part)
    onBytes(sink.received)
  }
  if (sink.size !== undefined && sink.received < sink.size) {
    throw brokenOff(file, sink.size, sink.received)
  }
}

/** Settles whether an answer goes on with what is here. */
export async function begin(
  file: FileSource,
  sink: DownloadSink,
  { kind, etag, total }: FileResponse,
): Promise<void> {
  if (kind !== 'part' && sink.received > 0) await sink.restart()
  if (kind === 'unsatisfiable') {
    throw new SpillwayError('server_response_invalid', `The server has no such part of ${file.path}`, {
      expected: 'status 206',
      got: 'status 416',
    })
  }
  if (total !== undefined) sink.announce(total)
  if (sink.received === 0) sink.etag = etag
}

import { SpillwayError } from '../../../models/core/index.ts'
import { brokenOff } from './download-errors.ts'
import type { Intake } from './download-sink.ts'
import type { Answer } from './fetch-file.ts'
import type { FileSource } from './file-source.ts'

/** Takes all that an answer has: the rest of the file, or the file anew where the server does not go on. */
export async function takeAnswer(
  file: FileSource,
  intake: Intake,
  answer: Answer,
  onBytes: (received: number) => void,
): Promise<void> {
  await begin(file, intake, answer)
  for await (const part of answer.parts) {
    await intake.take(part)
    onBytes(intake.received)
  }
  if (intake.size !== undefined && intake.received < intake.size) {
    throw brokenOff(file, intake.size, intake.received)
  }
}

/** Settles whether an answer goes on with what is here. */
export async function begin(file: FileSource, intake: Intake, { kind, etag, total }: Answer): Promise<void> {
  if (kind !== 'part' && intake.received > 0) await intake.restart()
  if (kind === 'unsatisfiable') {
    throw new SpillwayError('server_response_invalid', `The server has no such part of ${file.path}`, {
      expected: 'status 206',
      got: 'status 416',
    })
  }
  if (total !== undefined) intake.announce(total)
  if (intake.received === 0) intake.etag = etag
}

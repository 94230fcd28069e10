import type { Clock } from '../../../models/async/clock.ts'
import type { TextsAnswer } from '../../../workers/host/text/openai/answers.ts'
import type { ChoicePart } from '../../../workers/host/text/openai/choices.ts'
import type { TextRecord } from '../../observability/text-record.ts'

/** A chat or a completion whose texts are being generated, and counted. */
export interface Completion extends TextsAnswer {
  readonly record: TextRecord
  readonly clock: Clock
}

export function recordPart(record: TextRecord, part: ChoicePart): void {
  if ('piece' in part) record.recordTokens(part.choice.index, part.piece.tokens.length)
  else record.recordEnd(part.result)
}

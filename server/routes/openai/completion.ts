import { randomUUID } from 'node:crypto'
import type { Clock } from '../../../models/async/clock.ts'
import type { TextGenerator } from '../../../workers/host/text/types.ts'
import type { TextRecord } from '../../observability/text-record.ts'
import type { ApiShape } from './api-shape.ts'
import type { Choice, ChoicePart } from './choices.ts'

/** A chat or a completion whose texts are being generated. */
export interface Completion {
  readonly model: string
  readonly generator: TextGenerator
  readonly choices: readonly Choice[]
  readonly shape: ApiShape
  readonly record: TextRecord
  readonly clock: Clock
}

/** The fields that an answer in one piece and each event of a stream have in common. */
export const commonFields = ({ model, generator: { executedOn }, shape }: Completion) => ({
  id: `${shape.idPrefix}-${randomUUID()}`,
  created: Math.floor(Date.now() / 1000),
  model,
  system_fingerprint: `${executedOn.variant}/${executedOn.backend}`,
})

export function recordPart(record: TextRecord, part: ChoicePart): void {
  if ('piece' in part) record.recordTokens(part.choice.index, part.piece.tokens.length)
  else record.recordEnd(part.result)
}

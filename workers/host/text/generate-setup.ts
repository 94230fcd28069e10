import { type Manifest, SpillwayError, type Variant } from '../../../models/core/index.ts'
import { bytesPerToken } from '../../../models/core/kv-spec.ts'
import type { GenerateSetup } from '../../protocol/lane.ts'

/** What a tier allows the sequences of one model. */
export interface GenerateLimits {
  /** Sequences that are decoded at a time. */
  readonly maxSlots: number
  /** Bytes for keys and values. */
  readonly maxBytes: number
}

/** The part of a load request for language models; absent for other models. */
export function generateSetup(
  { generation: spec }: Manifest,
  { kvType = 'float32' }: Variant,
  { maxSlots, maxBytes }: GenerateLimits,
): GenerateSetup | undefined {
  if (!spec) return undefined
  // A runtime that copies keys and values holds them three times.
  const largest = 3 * maxSlots * spec.context * bytesPerToken({ ...spec.kv, type: kvType })
  return { spec, kvType, maxSlots, maxBytes: Math.min(maxBytes, largest) }
}

export const notLanguage = ({ id, task }: Manifest): SpillwayError =>
  new SpillwayError('not_supported', `${id} generates no text`, { expected: 'text-generation', got: task })

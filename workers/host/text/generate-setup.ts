import { type Manifest, SpillwayError, type Variant } from '../../../models/core/index.ts'
import { bytesPerToken } from '../../../models/core/kv-spec.ts'
import type { GenerateSetup } from '../../protocol/lane.ts'

/** What a tier allows the sequences of one model. */
export interface GenerateLimits {
  /** Sequences that are decoded at a time to begin with. */
  readonly slots: number
  /** As many as that where a step of more takes hardly longer. */
  readonly maxSlots: number
  /** Bytes for keys and values. */
  readonly maxBytes: number
}

/** The part of a load request for language models; absent for other models. */
export function generateSetup(
  { generation: spec }: Manifest,
  { kvType = 'float32' }: Variant,
  { slots, maxSlots, maxBytes }: GenerateLimits,
): GenerateSetup | undefined {
  if (!spec) return undefined
  // A runtime that copies keys and values holds them three times.
  const largest = 3 * slots * spec.context * bytesPerToken({ ...spec.kv, type: kvType })
  return { spec, kvType, slots, maxSlots, maxBytes: Math.min(maxBytes, largest) }
}

/** Tokens that one text may have, prompt included: as many as the model reads, or as the memory for them holds. */
export const contextWithin = ({ spec, kvType, maxBytes }: GenerateSetup): number =>
  Math.min(spec.context, Math.max(1, Math.floor(maxBytes / bytesPerToken({ ...spec.kv, type: kvType }))))

export const notLanguage = ({ id, task }: Manifest): SpillwayError =>
  new SpillwayError('not_supported', `${id} generates no text`, { expected: 'text-generation', got: task })

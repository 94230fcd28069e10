import type { TensorMemory } from '../runtime/ort.ts'
import type { KvShape } from './kv.ts'

/** How many tokens of a slot one run may take, for the scores of attention that it has memory for. */
export const mostTokensOf = (
  { mostScores = Number.POSITIVE_INFINITY }: Pick<TensorMemory, 'mostScores'>,
  { capacity }: Pick<KvShape, 'capacity'>,
): number => Math.max(1, Math.floor(mostScores / capacity))

import type { Placement } from '../../models/core/index.ts'
import type { Embeddings } from '../../workers/host/text/embedding/embedder.ts'

/** The vectors of texts, and where each text was embedded. */
export interface EmbedResult extends Embeddings {
  /** One for each text, in order. */
  readonly placements: readonly Placement[]
}

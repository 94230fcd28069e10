import { SpillwayError } from '../../models/core/index.ts'
import type { CatalogueEntry } from './catalogue.ts'

/** Of a model that was unloaded on demand. */
export const modelUnloaded = ({ manifest: { id } }: CatalogueEntry) =>
  new SpillwayError('model_unknown', `${id} is unloaded`, {
    hint: `POST /v2/repository/models/${id}/load loads it.`,
  })

/** Failures of lanes, not of the request or its model. */
export const isLaneFault = (cause: unknown): boolean =>
  cause instanceof SpillwayError && ['lane_lost', 'lane_failed', 'poisoned'].includes(cause.code)

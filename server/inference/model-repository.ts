import type { RepositoryModel } from '../../models/protocols/oip-repository.ts'
import { allVersions, type Catalogue, findModel } from './catalogue.ts'
import type { Inference, ModelState } from './inference.ts'
import type { Reread } from './reread-models.ts'

/** The server's models, for their administrators. */
export interface ModelRepository {
  /** Every version of every model, or of those that are ready. */
  index(isReadyOnly: boolean): RepositoryModel[]
  /**
   * Reads the model's folders again and loads its versions that are not ready.
   *
   * @throws SpillwayError `model_unknown` where no folder has it; else why it could not be loaded.
   */
  load(id: string): Promise<void>
  /** Unloads all versions of a model. @throws SpillwayError `model_unknown`. */
  unload(id: string): void
}

export interface RepositoryOptions {
  readonly catalogue: Catalogue
  readonly inference: Pick<Inference, 'state' | 'failure' | 'unload'>
  readonly reread: Reread
}

export function createModelRepository({ catalogue, inference, reread }: RepositoryOptions): ModelRepository {
  return {
    index: (isReadyOnly) =>
      allVersions(catalogue).flatMap((entry) => {
        const state = inference.state(entry)
        if (isReadyOnly && state !== 'ready') return []
        const { id: name, version } = entry.manifest
        const reason = inference.failure(entry)?.message ?? (state === 'unloaded' ? 'unloaded' : '')
        return { name, version, state: stateNames[state], reason }
      }),
    load: async (id) => {
      const [fault] = await reread(id)
      if (fault) throw fault
      // Throws where there is none.
      findModel(catalogue, id)
    },
    unload: (id) => {
      findModel(catalogue, id)
      for (const entry of catalogue.versions.get(id) ?? []) inference.unload(entry)
    },
  }
}

/** Triton's names. */
const stateNames = {
  loading: 'LOADING',
  ready: 'READY',
  failed: 'UNAVAILABLE',
  unloaded: 'UNAVAILABLE',
} as const satisfies Record<ModelState, RepositoryModel['state']>

import { SpillwayError } from '../../models/core/index.ts'
import type { RepositoryModel } from '../../models/protocols/oip-repository.ts'
import { allVersions, type Catalogue, type CatalogueEntry, findModel, type ModelFault } from './catalogue.ts'
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
  /** Unloads all versions of a model. @throws SpillwayError `model_unknown`, or `not_supported` where another engine runs it. */
  unload(id: string): void
}

export interface RepositoryOptions {
  readonly catalogue: Catalogue
  readonly inference: Pick<Inference, 'state' | 'failure' | 'unload'>
  readonly reread: Reread
}

export function createModelRepository({ catalogue, inference, reread }: RepositoryOptions): ModelRepository {
  const reasonOf = (entry: CatalogueEntry, state: ModelState): string => {
    if (state === 'unloaded') return 'unloaded'
    const fault = faultOf(entry)
    // It is offered as it was before.
    if (state !== 'failed')
      return fault ? `Its folder has changed and could not be loaded: ${fault.error.message}` : ''
    if (entry.upstream) return 'its engine does not answer'
    const chosen = catalogue.get(entry.manifest.id)
    const instead =
      chosen && chosen !== entry ? `; version ${chosen.manifest.version} is the default meanwhile` : ''
    return `${inference.failure(entry)?.message ?? 'not loaded'}${instead}`
  }
  const faultOf = (entry: CatalogueEntry) => catalogue.faults?.find((fault) => isOf(fault, entry))
  /** Models that are not offered, for a fault. */
  const notOffered = (): RepositoryModel[] => {
    const entries = allVersions(catalogue)
    return (catalogue.faults ?? [])
      .filter((fault) => !entries.some((entry) => isOf(fault, entry)))
      .map(({ name, version, error }) => ({ name, version, state: 'UNAVAILABLE', reason: error.message }))
  }
  return {
    index: (isReadyOnly) => [
      ...allVersions(catalogue).flatMap((entry) => {
        const state = inference.state(entry)
        if (isReadyOnly && state !== 'ready') return []
        const { id: name, version } = entry.manifest
        return { name, version, state: stateNames[state], reason: reasonOf(entry, state) }
      }),
      ...(isReadyOnly ? [] : notOffered()),
    ],
    load: async (id) => {
      const [fault] = await reread(id)
      if (fault) throw fault
      // Throws where there is none.
      findModel(catalogue, id)
    },
    unload: (id) => {
      const { upstream } = findModel(catalogue, id)
      if (upstream)
        throw new SpillwayError('not_supported', `${id} is run by another engine`, {
          hint: 'That engine loads and unloads it. Remove its folder and send SIGHUP to offer it no longer.',
        })
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

/** Whether a fault is that of an entry's folder, or of another one with the same version. */
const isOf = (fault: ModelFault, { folder, manifest: { id, version } }: CatalogueEntry) =>
  fault.folder === folder || (fault.name === id && fault.version === version)

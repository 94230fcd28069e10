import type { Reference } from '../../models/core/index.ts'
import { type CatalogueEntry, readCatalogue, readReferences } from './catalogue.ts'
import type { Inference } from './inference.ts'
import type { LiveCatalogue } from './live-catalogue.ts'
import { type PrepareOptions, prepareModel } from './prepare-models.ts'

export interface RereadOptions extends PrepareOptions {
  readonly folders: readonly string[]
  readonly catalogue: LiveCatalogue
  readonly inference: Pick<Inference, 'prepare' | 'state' | 'retire'>
}

/**
 * Reads the folders of models again, one reread at a time. Requests go on: an added model is offered at once, a changed
 * one once it has been loaded, and a removed one answers the requests that it has. Where the folders have a fault, or a
 * changed model cannot be loaded, what was offered before stays.
 */
export function createReread(options: RereadOptions): () => Promise<void> {
  let last = Promise.resolve()
  return () => {
    last = last.then(() => reread(options))
    return last
  }
}

async function reread(options: RereadOptions): Promise<void> {
  const { folders, catalogue, inference, log } = options
  let read: ReadonlyMap<string, CatalogueEntry>
  let references: readonly Reference[]
  try {
    ;[read, references] = await Promise.all([readCatalogue(folders), readReferences(folders)])
  } catch (err) {
    return log.error({ err }, 'The models could not be reread: those from before are still offered')
  }
  const offered = new Map(catalogue)
  const revision = catalogue.revision + 1
  const added: CatalogueEntry[] = []
  const changed: CatalogueEntry[] = []
  const next = new Map<string, CatalogueEntry>()
  for (const [id, entry] of read) {
    const old = offered.get(id)
    const isNew = !old || !isSame(old, entry)
    if (isNew) (old ? changed : added).push({ ...entry, revision })
    next.set(id, old ?? { ...entry, revision })
  }
  for (const entry of added) next.set(entry.manifest.id, entry)
  const removed = [...offered.values()].filter(({ manifest }) => !read.has(manifest.id))
  catalogue.replace(next, references)
  const idsOf = (entries: readonly CatalogueEntry[]) => entries.map(({ manifest }) => manifest.id)
  log.info(
    { added: idsOf(added), changed: idsOf(changed), removed: idsOf(removed) },
    'The models were reread',
  )
  for (const entry of removed) inference.retire(entry)
  const failed = [...next.values()].filter((entry) => inference.state(entry) === 'failed')
  const prepare = (entry: CatalogueEntry) => prepareModel(entry, options)
  await Promise.all([
    ...[...added, ...failed].map(prepare),
    ...changed.map(async (entry) => {
      if (!(await prepare(entry))) return
      const old = catalogue.get(entry.manifest.id)
      catalogue.replace(new Map([...catalogue, [entry.manifest.id, entry]]))
      if (old) inference.retire(old)
      log.info(`${entry.manifest.id} was replaced`)
    }),
  ])
}

/** A manifest has the hashes of all files: one that is the same is of the same model. */
const isSame = (one: CatalogueEntry, other: CatalogueEntry) =>
  one.folder === other.folder &&
  JSON.stringify([one.manifest, one.upstream]) === JSON.stringify([other.manifest, other.upstream])

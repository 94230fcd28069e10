import { sep } from 'node:path'
import type { SpillwayError } from '../../models/core/index.ts'
import {
  allVersions,
  type Catalogue,
  type CatalogueEntry,
  type FoldersRead,
  ModelCatalogue,
  nameOf,
  readFolders,
} from './catalogue.ts'
import type { Inference } from './inference.ts'
import type { LiveCatalogue } from './live-catalogue.ts'
import { listReferences } from './open-catalogue.ts'
import { type PrepareOptions, prepareModel } from './prepare-models.ts'

export interface RereadOptions extends PrepareOptions {
  readonly folders: readonly string[]
  readonly catalogue: LiveCatalogue
  readonly inference: Pick<Inference, 'prepare' | 'state' | 'retire'>
}

/**
 * Reads the folders of models again, one reread at a time. Requests go on: an added model is offered at once, a changed
 * or new version of an offered one once it has been loaded, and a removed one answers the requests that it has. Where a
 * folder has a fault, or a changed model cannot be loaded, what that folder offered before stays.
 */
export function createReread(options: RereadOptions): Reread {
  let last: Promise<unknown> = Promise.resolve()
  return (id) => {
    const done = last.then(() => reread(options, id))
    last = done
    return done
  }
}

/**
 * @param id Of the only model that is reread. Then its versions that were unloaded are loaded, too.
 * @returns Why folders could not be read, or models could not be loaded. The log says so as well.
 */
export type Reread = (id?: string) => Promise<readonly SpillwayError[]>

async function reread(options: RereadOptions, id: string | undefined): Promise<readonly SpillwayError[]> {
  const { folders, catalogue, inference, log } = options
  const [found, references] = await Promise.all([
    readFolders(folders),
    listReferences(folders, log, catalogue.references),
  ])
  const kept = keptOf(found, catalogue)
  const read = new ModelCatalogue([...kept, ...found.entries])
  for (const { folder, error: err } of [...found.faults, ...found.unreadable]) {
    const isKept = kept.some((entry) => isWithin(entry, folder))
    log.error(
      { err, folder },
      `${folder} could not be reread: ${isKept ? 'what it had before is still offered' : 'its model is not offered'}`,
    )
  }
  const faults = found.faults.filter(({ name }) => id === undefined || name === id)
  const { next, added, replacing, removed, leaving } = compare(
    catalogue,
    id === undefined ? read : onlyModel(id, catalogue, read),
  )
  const changed = replacing.filter((entry) => find(catalogue, entry))
  const newVersions = replacing.filter((entry) => !changed.includes(entry))
  const namesOf = (entries: readonly CatalogueEntry[], from: Catalogue) =>
    entries.map((entry) => nameOf(from, entry))
  log.info(
    {
      added: namesOf([...added, ...newVersions], read),
      changed: namesOf(changed, read),
      removed: namesOf([...removed, ...leaving], catalogue),
    },
    'The models were reread',
  )
  // Of the other models nothing is read.
  const others = id === undefined ? [] : catalogue.faults.filter(({ name }) => name !== id)
  catalogue.replace(next, { references, faults: [...others, ...faults] })
  for (const entry of removed) inference.retire(entry)
  const unready = next.filter((entry) => {
    const state = inference.state(entry)
    if (id === undefined) return state === 'failed'
    return entry.manifest.id === id && (state === 'failed' || state === 'unloaded')
  })
  const prepare = (entry: CatalogueEntry) => prepareModel(entry, options)
  const failures = await Promise.all([
    ...[...added, ...unready].map(prepare),
    ...replacing.map(async (entry) => {
      const failure = await prepare(entry)
      if (failure) {
        const { folder, manifest } = entry
        catalogue.addFault({ folder, name: manifest.id, version: manifest.version, error: failure })
        return failure
      }
      const replaced = allVersions(catalogue).filter(
        (old) => isSameVersion(old, entry) || (isSameModel(old, entry) && leaving.includes(old)),
      )
      const others = allVersions(catalogue).filter((old) => !replaced.includes(old))
      catalogue.replace([...others, entry])
      for (const old of replaced) inference.retire(old)
      const name = nameOf(catalogue, entry)
      log.info(replaced.length > 0 ? `${name} was replaced` : `${name} is offered`)
      return undefined
    }),
  ])
  const unread = id === undefined || !read.has(id) ? found.unreadable : []
  return [
    ...[...faults, ...unread].map(({ error }) => error),
    ...failures.filter((failure) => failure !== undefined),
  ]
}

/** What is offered of folders that have a fault now. */
const keptOf = ({ faults, unreadable }: FoldersRead, offered: Catalogue): CatalogueEntry[] =>
  allVersions(offered).filter((entry) =>
    [...faults, ...unreadable].some(({ folder }) => isWithin(entry, folder)),
  )

const isWithin = (entry: CatalogueEntry, folder: string) =>
  entry.folder === folder || entry.folder.startsWith(folder.endsWith(sep) ? folder : `${folder}${sep}`)

/** What is offered, with one model as it was read. */
const onlyModel = (id: string, offered: Catalogue, read: Catalogue): Catalogue =>
  new ModelCatalogue([
    ...allVersions(offered).filter(({ manifest }) => manifest.id !== id),
    ...(read.versions.get(id) ?? []),
  ])

interface Changes {
  /** What is offered at once. */
  readonly next: readonly CatalogueEntry[]
  /** Of models that were not offered: they are, while they load. */
  readonly added: readonly CatalogueEntry[]
  /** Changed and new versions of models that are offered. They are offered when they have been loaded. */
  readonly replacing: readonly CatalogueEntry[]
  /** Versions whose folders have gone, and nothing takes their place. */
  readonly removed: readonly CatalogueEntry[]
  /** Versions whose folders have gone: they are offered until a version that came instead has been loaded. */
  readonly leaving: readonly CatalogueEntry[]
}

function compare(offered: LiveCatalogue, read: Catalogue): Changes {
  const revision = offered.revision + 1
  const next: CatalogueEntry[] = []
  const added: CatalogueEntry[] = []
  const replacing: CatalogueEntry[] = []
  for (const entry of allVersions(read)) {
    const old = find(offered, entry)
    if (old) next.push(old)
    if (old && isSame(old, entry)) continue
    const revised = { ...entry, revision }
    if (offered.has(entry.manifest.id)) replacing.push(revised)
    else {
      added.push(revised)
      next.push(revised)
    }
  }
  const gone = allVersions(offered).filter((entry) => !find(read, entry))
  const leaving = gone.filter((entry) => replacing.some((other) => isSameModel(entry, other)))
  const removed = gone.filter((entry) => !leaving.includes(entry))
  return { next: [...next, ...leaving], added, replacing, removed, leaving }
}

const isSameModel = (one: CatalogueEntry, other: CatalogueEntry) => one.manifest.id === other.manifest.id

const isSameVersion = (one: CatalogueEntry, other: CatalogueEntry) =>
  isSameModel(one, other) && one.manifest.version === other.manifest.version

const find = ({ versions }: Catalogue, entry: CatalogueEntry): CatalogueEntry | undefined =>
  versions.get(entry.manifest.id)?.find((other) => isSameVersion(other, entry))

/** A manifest has the hashes of all files: one that is the same is of the same model. */
const isSame = (one: CatalogueEntry, other: CatalogueEntry) =>
  one.folder === other.folder &&
  JSON.stringify([one.manifest, one.upstream]) === JSON.stringify([other.manifest, other.upstream])

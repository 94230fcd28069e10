import { access, readdir, readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import {
  type AdaptedName,
  checkAdapter,
  type Manifest,
  parseManifest,
  parseReferences,
  type Reference,
  SpillwayError,
  splitAdaptedName,
} from '../../models/core/index.ts'
import { faultsTogether } from '../faults-together.ts'
import { readUpstream, type UpstreamConfig } from '../upstream/config.ts'
import { compareVersions } from './versions.ts'

/** A model that this server offers, and the folder with its files. */
export interface CatalogueEntry {
  readonly manifest: Manifest
  readonly folder: string
  /** The engine that runs it; absent where this server does. Pages do not learn of it. */
  readonly upstream?: UpstreamConfig
  /** Of a model that was read after the start: tells its sessions from those of its predecessor with the same version. */
  readonly revision?: number
}

/** Why a folder has no model that can be offered. */
export interface ModelFault {
  readonly folder: string
  /** The model's id and version, as far as its manifest can be read; else the folder's name, and nothing. */
  readonly name: string
  readonly version: string
  readonly error: SpillwayError
}

/** The models by their ids: of each its default version, the newest that could be loaded. */
export interface Catalogue extends ReadonlyMap<string, CatalogueEntry> {
  /** All versions of each model, the newest first. */
  readonly versions: ReadonlyMap<string, readonly CatalogueEntry[]>
  /** Differs after each change; absent where it never changes. */
  readonly revision?: number
  /** Models on the hub that it lists as well; pages fetch them from there. */
  readonly references?: readonly Reference[]
  /** Models that are not offered, or not as their folders have them now. */
  readonly faults?: readonly ModelFault[]
}

/** A catalogue of models. Of two with the same id and version the later one counts. */
export class ModelCatalogue extends Map<string, CatalogueEntry> implements Catalogue {
  readonly versions = new Map<string, readonly CatalogueEntry[]>()
  faults: readonly ModelFault[] = []

  constructor(entries: Iterable<CatalogueEntry> = []) {
    super()
    this.setAll(entries)
  }

  protected setAll(entries: Iterable<CatalogueEntry>): void {
    this.clear()
    this.versions.clear()
    for (const entry of entries) {
      const { id, version } = entry.manifest
      const others = (this.versions.get(id) ?? []).filter(({ manifest }) => manifest.version !== version)
      const sorted = [...others, entry].sort((one, other) =>
        compareVersions(other.manifest.version, one.manifest.version),
      )
      this.versions.set(id, sorted)
      this.set(id, this.chooseDefault(sorted) ?? entry)
    }
  }

  /** @param versions Of one model, the newest first. */
  protected chooseDefault(versions: readonly CatalogueEntry[]): CatalogueEntry | undefined {
    return versions[0]
  }
}

/** Every version of every model. */
export const allVersions = ({ versions }: Pick<Catalogue, 'versions'>): CatalogueEntry[] =>
  [...versions.values()].flat()

/** What an entry is called where it is listed: the model's id, with the version where there are several. */
export const nameOf = (
  { versions }: Pick<Catalogue, 'versions'>,
  { manifest: { id, version } }: CatalogueEntry,
): string => ((versions.get(id)?.length ?? 0) > 1 ? `${id}/versions/${version}` : id)

/**
 * Reads every model in the given folders. A folder with a `manifest.json` is one model; otherwise each of its
 * sub-folders with one is. Several versions of a model have folders of their own. Where two models have the same id and
 * version, the later one wins. A model with a fault is not in the catalogue but in its `faults`.
 *
 * @throws SpillwayError `file_missing` where a folder cannot be read or has no model: its name may be misspelt.
 */
export async function readCatalogue(folders: readonly string[]): Promise<ModelCatalogue> {
  const { entries, faults, unreadable } = await readFolders(folders)
  if (unreadable.length > 0)
    throw faultsTogether(
      'The catalogue',
      [...unreadable, ...faults].map(({ error }) => error),
    )
  const catalogue = new ModelCatalogue(entries)
  catalogue.faults = faults
  return catalogue
}

export interface FoldersRead {
  readonly entries: readonly CatalogueEntry[]
  readonly faults: readonly ModelFault[]
  /** Folders of models that cannot be read, or have none. */
  readonly unreadable: readonly Pick<ModelFault, 'folder' | 'error'>[]
}

/** As `readCatalogue`. Never rejects. */
export async function readFolders(folders: readonly string[]): Promise<FoldersRead> {
  const entries: CatalogueEntry[] = []
  const faults: ModelFault[] = []
  const unreadable: { readonly folder: string; readonly error: SpillwayError }[] = []
  const errorOf = (cause: unknown) =>
    SpillwayError.from(cause, 'manifest_invalid', 'The models cannot be read')
  for (const folder of folders) {
    const found = await modelFolders(folder).catch((cause: unknown) => {
      unreadable.push({ folder, error: errorOf(cause) })
      return []
    })
    for (const modelFolder of found) {
      try {
        entries.push(await readEntry(modelFolder))
      } catch (cause) {
        faults.push({ folder: modelFolder, ...(await identityOf(modelFolder)), error: errorOf(cause) })
      }
    }
  }
  return { entries, faults, unreadable }
}

/** What a folder with a fault says of its model. */
async function identityOf(folder: string): Promise<Pick<ModelFault, 'name' | 'version'>> {
  const manifest = await readJson(join(folder, 'manifest.json')).catch(() => undefined)
  const { id, version }: Readonly<Record<string, unknown>> = Object(manifest)
  return {
    name: typeof id === 'string' ? id : basename(folder),
    version: typeof version === 'string' ? version : '',
  }
}

/**
 * The models on the hub that the folders' `hub.json` files list. Pages fetch them from there; this server does not run them.
 *
 * @throws SpillwayError `manifest_invalid`.
 */
export async function readReferences(folders: readonly string[]): Promise<Reference[]> {
  const references = new Map<string, Reference>()
  for (const path of folders.map((folder) => join(folder, 'hub.json'))) {
    if (!(await exists(path))) continue
    for (const reference of parseReferences(await readJson(path), path))
      references.set(reference.source, reference)
  }
  return [...references.values()]
}

async function readEntry(folder: string): Promise<CatalogueEntry> {
  const path = join(folder, 'manifest.json')
  const manifest = parseManifest(await readJson(path), path)
  const upstream = await readUpstream(folder, manifest)
  return { manifest, folder, ...(upstream && { upstream }) }
}

async function modelFolders(folder: string): Promise<string[]> {
  if (await exists(join(folder, 'manifest.json'))) return [folder]
  const entries = await readdir(folder).catch((cause: unknown) => {
    throw SpillwayError.from(cause, 'file_missing', `The model folder ${folder} cannot be read`)
  })
  const folders: string[] = []
  for (const candidate of entries.sort().map((name) => join(folder, name))) {
    if (await exists(join(candidate, 'manifest.json'))) folders.push(candidate)
  }
  if (folders.length > 0) return folders
  throw new SpillwayError('file_missing', `There is no model in ${folder}`, {
    expected: 'a manifest.json in the folder or in its sub-folders',
    hint: entries.some((name) => name.endsWith('.onnx'))
      ? `Write manifests for the ONNX files with "spillway manifest ${folder}".`
      : 'models/README.md describes model folders.',
  })
}

const exists = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  )

async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8'))
  } catch (cause) {
    throw SpillwayError.from(cause, 'manifest_invalid', `${path} cannot be read`)
  }
}

/**
 * @param version Default: the newest.
 * @throws SpillwayError `model_unknown`.
 */
export const findModel = (catalogue: Catalogue, id: string, version?: string): CatalogueEntry => {
  const newest = catalogue.get(id)
  if (newest && (version === undefined || newest.manifest.version === version)) return newest
  const versions = catalogue.versions.get(id) ?? []
  const entry = versions.find(({ manifest }) => manifest.version === version)
  if (entry) return entry
  throw new SpillwayError(
    'model_unknown',
    `There is no model "${id.slice(0, 200)}"${version === undefined ? '' : ` of version "${version.slice(0, 200)}"`}`,
    // A server may have thousands of models: the message does not list them.
    newest
      ? { expected: `version ${versions.map(({ manifest }) => manifest.version).join(' or ')}` }
      : { hint: 'GET /models/catalogue.json lists the models.' },
  )
}

/** A model that a request for texts names, and the adapter. */
export interface NamedTexts extends Pick<AdaptedName, 'adapter'> {
  readonly entry: CatalogueEntry
}

/**
 * The model that a request of the OpenAI API names, as `model` or `model:adapter`.
 *
 * @throws SpillwayError `model_unknown`.
 */
export function findTexts(catalogue: Catalogue, name: string): NamedTexts {
  const { model, adapter } = splitAdaptedName(name)
  const adapted = catalogue.has(name) ? undefined : catalogue.get(model)
  if (adapter === undefined || !adapted) return { entry: findModel(catalogue, name) }
  checkAdapter(adapted.manifest, adapter)
  return { entry: adapted, adapter }
}

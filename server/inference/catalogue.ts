import { access, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  type Manifest,
  parseManifest,
  parseReferences,
  type Reference,
  SpillwayError,
} from '../../models/core/index.ts'
import { faultsTogether } from '../faults-together.ts'
import { readUpstream, type UpstreamConfig } from '../upstream/config.ts'

/** A model that this server offers, and the folder with its files. */
export interface CatalogueEntry {
  readonly manifest: Manifest
  readonly folder: string
  /** The engine that runs it; absent where this server does. Pages do not learn of it. */
  readonly upstream?: UpstreamConfig
  /** Of a model that was read after the start: tells its sessions from those of its predecessor with the same version. */
  readonly revision?: number
}

export interface Catalogue extends ReadonlyMap<string, CatalogueEntry> {
  /** Differs after each change; absent where it never changes. */
  readonly revision?: number
  /** Models on the hub that it lists as well; pages fetch them from there. */
  readonly references?: readonly Reference[]
}

/**
 * Reads every model in the given folders. A folder with a `manifest.json` is one model; otherwise each of its
 * sub-folders with one is. Where two models have the same id, the later one wins.
 *
 * @throws SpillwayError `manifest_invalid` or `file_missing`, with every fault: a server with an incomplete catalogue does
 * not start.
 */
export async function readCatalogue(folders: readonly string[]): Promise<Catalogue> {
  const catalogue = new Map<string, CatalogueEntry>()
  const faults: SpillwayError[] = []
  /** The result; undefined for a fault, which is kept. */
  const attempt = <T>(read: Promise<T>): Promise<T | undefined> =>
    read.catch((cause: unknown) => {
      faults.push(SpillwayError.from(cause, 'manifest_invalid', 'The models cannot be read'))
      return undefined
    })
  for (const folder of folders) {
    for (const modelFolder of (await attempt(modelFolders(folder))) ?? []) {
      const entry = await attempt(readEntry(modelFolder))
      if (entry) catalogue.set(entry.manifest.id, entry)
    }
  }
  if (faults.length > 0) throw faultsTogether('The catalogue', faults)
  return catalogue
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

/** @throws SpillwayError `model_unknown`. */
export const findModel = (catalogue: Catalogue, id: string, version?: string): CatalogueEntry => {
  const entry = catalogue.get(id)
  if (entry && (version === undefined || entry.manifest.version === version)) return entry
  throw new SpillwayError(
    'model_unknown',
    `There is no model "${id.slice(0, 200)}"${version === undefined ? '' : ` of version "${version.slice(0, 200)}"`}`,
    // A server may have thousands of models: the message does not list them.
    entry
      ? { expected: `version ${entry.manifest.version}` }
      : { hint: 'GET /models/catalogue.json lists the models.' },
  )
}

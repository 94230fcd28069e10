import { access, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  type Manifest,
  parseManifest,
  parseReferences,
  type Reference,
  SpillwayError,
} from '../../models/core/index.ts'

/** A model that this server offers, and the folder its files are in. */
export interface CatalogueEntry {
  readonly manifest: Manifest
  readonly folder: string
}

export type Catalogue = ReadonlyMap<string, CatalogueEntry>

/**
 * Reads every model in the given folders: a folder with a `manifest.json` is one, else its sub-folders that have one.
 * Of two models with one id, the later folder's counts.
 *
 * @throws SpillwayError `manifest_invalid` or `file_missing`: a server that starts offers what it was told to.
 */
export async function readCatalogue(folders: readonly string[]): Promise<Catalogue> {
  const catalogue = new Map<string, CatalogueEntry>()
  for (const folder of folders) {
    for (const modelFolder of await modelFolders(folder)) {
      const path = join(modelFolder, 'manifest.json')
      const manifest = parseManifest(await readJson(path), path)
      catalogue.set(manifest.id, { manifest, folder: modelFolder })
    }
  }
  return catalogue
}

/**
 * What the folders' `hub.json` point to on the hub. Pages fetch those from there; this server runs what it has.
 *
 * @throws SpillwayError `manifest_invalid`.
 */
export async function readReferences(folders: readonly string[]): Promise<Reference[]> {
  const found = new Map<string, Reference>()
  for (const path of folders.map((folder) => join(folder, 'hub.json'))) {
    if (!(await exists(path))) continue
    for (const reference of parseReferences(await readJson(path), path))
      found.set(reference.source, reference)
  }
  return [...found.values()]
}

async function modelFolders(folder: string): Promise<string[]> {
  if (await exists(join(folder, 'manifest.json'))) return [folder]
  const entries = await readdir(folder).catch((cause: unknown) => {
    throw SpillwayError.from(cause, 'file_missing', `The models' folder ${folder} cannot be read`)
  })
  const found: string[] = []
  for (const candidate of entries.sort().map((name) => join(folder, name))) {
    if (await exists(join(candidate, 'manifest.json'))) found.push(candidate)
  }
  if (found.length > 0) return found
  throw new SpillwayError('file_missing', `There is no model in ${folder}`, {
    expected: 'a manifest.json in it, or in the folders in it',
    hint: 'See models/README.md for what a model is.',
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

export const findModel = (catalogue: Catalogue, id: string, version?: string): CatalogueEntry => {
  const entry = catalogue.get(id)
  if (entry && (version === undefined || entry.manifest.version === version)) return entry
  throw new SpillwayError(
    'model_unknown',
    `There is no model "${id}"${version === undefined ? '' : ` of version "${version}"`}`,
    {
      expected:
        [...catalogue.values()]
          .map(({ manifest }) => `${manifest.id} (version ${manifest.version})`)
          .join(', ') || 'no model at all',
      got: version === undefined ? id : `${id} (version ${version})`,
    },
  )
}

import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { access, readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type FileSpec, type Manifest, parseManifest, SpillwayError } from '../models/index.ts'

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

async function modelFolders(folder: string): Promise<string[]> {
  if (await exists(join(folder, 'manifest.json'))) return [folder]
  const entries = await readdir(folder, { withFileTypes: true }).catch((cause: unknown) => {
    throw SpillwayError.from(cause, 'file_missing', `The models' folder ${folder} cannot be read`)
  })
  const candidates = entries
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => join(folder, name))
    .sort()
  const found: string[] = []
  for (const candidate of candidates)
    if (await exists(join(candidate, 'manifest.json'))) found.push(candidate)
  return found
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

/** @throws SpillwayError `file_missing`, `file_truncated` or `file_altered`. */
export async function verifyFile(path: string, file: FileSpec): Promise<void> {
  const size = await stat(path).then(
    (found) => found.size,
    (cause: unknown) => {
      throw SpillwayError.from(cause, 'file_missing', `${path} cannot be read`)
    },
  )
  if (size !== file.size) {
    throw new SpillwayError(
      size < file.size ? 'file_truncated' : 'file_altered',
      `${path} has the wrong size`,
      {
        expected: `${file.size} bytes`,
        got: `${size}`,
      },
    )
  }
  const hash = createHash('sha256')
  for await (const part of createReadStream(path)) hash.update(part)
  const sha256 = hash.digest('hex')
  if (sha256 === file.sha256) return
  throw new SpillwayError('file_altered', `${path} is not what its manifest says`, {
    expected: `SHA-256 ${file.sha256}`,
    got: sha256,
    hint: 'Fetch the file again, or make its manifest anew.',
  })
}

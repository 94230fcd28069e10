import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { messageOf, SpillwayError } from '../../core/error.ts'
import { type FileSpec, type Manifest, manifestFiles } from '../../core/manifest.ts'
import { type OnRead, sha256OfFile } from './file-spec.ts'
import { readManifest } from './write.ts'

export interface FileVerdict {
  readonly path: string
  readonly size: number
  readonly state: 'ok' | 'missing' | 'size' | 'content'
  /** The fault in words. */
  readonly fault?: string
}

export interface ModelVerdict {
  readonly folder: string
  readonly id: string
  readonly ok: boolean
  readonly files: readonly FileVerdict[]
  /** The fault of the manifest itself. */
  readonly fault?: string
}

/**
 * The folders of models: the given one, or those in it that have a manifest.
 *
 * @throws SpillwayError `file_missing` where there is none.
 */
export function modelFolders(root: string): string[] {
  if (!statSync(root, { throwIfNoEntry: false })?.isDirectory())
    throw new SpillwayError('file_missing', `There is no folder ${root}`)
  if (existsSync(join(root, 'manifest.json'))) return [root]
  const found = readdirSync(root)
    .sort()
    .map((name) => join(root, name))
    .filter((path) => existsSync(join(path, 'manifest.json')))
  if (found.length > 0) return found
  throw new SpillwayError('file_missing', `There is no model in ${root}`, {
    expected: 'a manifest.json in it, or in the folders in it',
    hint: 'Write one with "spillway manifest".',
  })
}

/**
 * Checks every file of a model, or of each model in a folder, against its manifest.
 *
 * @param onProgress Called with the bytes that were read and the total.
 * @throws SpillwayError `file_missing` where there is no model.
 */
export async function verifyModels(
  root: string,
  onProgress: (done: number, total: number) => void = () => {},
): Promise<ModelVerdict[]> {
  const folders = modelFolders(root)
  const total = bytesToVerify(folders)
  let done = 0
  const models: ModelVerdict[] = []
  for (const folder of folders) {
    const verdict = await verifyModel(folder, (bytes) => {
      done += bytes
      onProgress(done, total)
    })
    models.push(verdict)
  }
  return models
}

const bytesToVerify = (folders: readonly string[]): number =>
  folders.reduce((sum, folder) => sum + totalOf(folder), 0)

function totalOf(folder: string): number {
  try {
    const manifest = readManifest(folder)
    return manifest ? manifestFiles(manifest).reduce((sum, { size }) => sum + size, 0) : 0
  } catch {
    // `verifyModel` reports what is wrong with the manifest.
    return 0
  }
}

/** Checks size and SHA-256 of each file of a model. */
export async function verifyModel(folder: string, onRead?: OnRead): Promise<ModelVerdict> {
  let manifest: Manifest | undefined
  try {
    manifest = readManifest(folder)
  } catch (cause) {
    return { folder, id: '', ok: false, files: [], fault: messageOf(cause) }
  }
  if (!manifest) return { folder, id: '', ok: false, files: [], fault: 'There is no manifest.json' }
  const files: FileVerdict[] = []
  for (const file of manifestFiles(manifest)) files.push(await verifyFile(folder, file, onRead))
  return { folder, id: manifest.id, ok: files.every(({ state }) => state === 'ok'), files }
}

async function verifyFile(folder: string, file: FileSpec, onRead?: OnRead): Promise<FileVerdict> {
  const { path, size } = file
  const at = join(folder, path)
  const stat = statSync(at, { throwIfNoEntry: false })
  if (!stat?.isFile()) return { path, size, state: 'missing', fault: 'it is not there' }
  if (stat.size !== size) {
    return { path, size, state: 'size', fault: `it has ${stat.size} bytes in place of ${size}` }
  }
  const sha256 = await sha256OfFile(at, onRead)
  if (sha256 === file.sha256) return { path, size, state: 'ok' }
  return { path, size, state: 'content', fault: `its SHA-256 is ${sha256} in place of ${file.sha256}` }
}

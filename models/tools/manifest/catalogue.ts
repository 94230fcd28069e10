import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { SpillwayError } from '../../core/error.ts'
import { parseReferences, type SiteCatalogue } from '../../core/references.ts'
import { openFolder } from './local-folder.ts'
import { modelFolders } from './verify.ts'
import { readManifest } from './write.ts'

/** Whether a folder is not a model itself but holds folders of models. */
export const isAboveModels = (root: string): boolean =>
  existsSync(root) &&
  !existsSync(join(root, 'manifest.json')) &&
  readdirSync(root).some((name) => existsSync(join(root, name, 'manifest.json')))

/** The folders in a folder of models that hold an ONNX file and no manifest. */
export const foldersWithoutManifest = (root: string): string[] =>
  readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
    .map(({ name }) => name)
    .filter(
      (name) =>
        !existsSync(join(root, name, 'manifest.json')) &&
        [...openFolder(join(root, name)).sizes.keys()].some((path) => path.endsWith('.onnx')),
    )
    .sort()

/**
 * The catalogue of a folder of models, as a server would answer it, for hosts that serve only files.
 *
 * @throws SpillwayError `manifest_invalid`, also where a folder's name is not its model's id: pages look for it by
 * id.
 */
export function makeCatalogue(root: string): SiteCatalogue {
  const models = modelFolders(root).map((folder) => {
    const manifest = readManifest(folder)
    if (manifest && join(root, manifest.id) === folder) return manifest
    throw new SpillwayError('manifest_invalid', `${folder} is not named as its model`, {
      expected: join(root, manifest?.id ?? ''),
      got: folder,
      hint: 'Pages ask for models/ID/manifest.json: rename the folder.',
    })
  })
  const list = join(root, 'hub.json')
  const hub = existsSync(list) ? parseReferences(JSON.parse(readFileSync(list, 'utf8')), list) : []
  return { models, hub }
}

export function writeCatalogue(path: string, catalogue: SiteCatalogue): void {
  writeFileSync(`${path}.partial`, `${JSON.stringify(catalogue, null, 2)}\n`)
  renameSync(`${path}.partial`, path)
}

/** Folders for graphs that lie loose: a model is a folder with a manifest. */
import { copyFileSync, existsSync, linkSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { SpillwayError } from '../../core/error.ts'
import { isVariantFolder, partsOf } from '../../hub/index.ts'
import { filesOf } from '../onnx/files.ts'
import { readModel } from '../onnx/read.ts'
import { isAboveModels } from './catalogue.ts'
import { openFolder } from './local-folder.ts'
import { idOf } from './write.ts'
import { withoutZipMapCopies } from './zipmap-copies.ts'

/**
 * The folder of a graph: its own where that is a model's, else a new one beside it with its name, in which its files are
 * linked.
 */
export function folderOfGraph(file: string): string {
  const folder = dirname(resolve(file))
  const name = basename(file).replace(/\.onnx$/i, '')
  const isOwn = existsSync(join(folder, 'manifest.json')) || name === 'model' || name === basename(folder)
  return isOwn ? folder : linkInto(join(folder, idOf(name)), folder, [file])
}

/**
 * A folder for each part of a model that is several graphs, named by the part, with its files linked. Undefined for a
 * model of one graph, and for a folder of models of which none is a part.
 *
 * @throws SpillwayError `file_missing` for a folder that holds folders of models.
 */
export function foldersOfParts(root: string): string[] | undefined {
  const isAbove = isAboveModels(root)
  // A folder of models may hold any number of other files.
  if (isAbove && !holdsGraphs(root)) return undefined
  const paths = withoutZipMapCopies([...openFolder(root).sizes.keys()])
  if (paths.includes('manifest.json')) return undefined
  const loose = paths.filter(isLoose)
  // Folders that an earlier run made.
  const made = [...(partsOf(loose)?.keys() ?? [])].map(idOf)
  if (isAbove && !made.some((name) => existsSync(join(root, name, 'manifest.json')))) return undefined
  const own = isAbove ? loose : paths.filter((path) => !made.includes(topOf(path)))
  checkFolders(root, own)
  const parts = partsOf(own)
  if (!parts) return undefined
  return [...parts].map(([name, graphs]) =>
    linkInto(
      join(root, idOf(name)),
      root,
      graphs.filter((path) => path.endsWith('.onnx')).map((path) => join(root, path)),
    ),
  )
}

/** The first folder of a path. A file without one has an empty name. */
const topOf = (path: string) => path.slice(0, Math.max(0, path.indexOf('/')))

const holdsGraphs = (root: string): boolean =>
  readdirSync(root).some((name) => name.endsWith('.onnx') || isVariantFolder(name))

/** Whether a file lies in the folder itself or in one for variants. */
const isLoose = (path: string) => topOf(path) === '' || isVariantFolder(topOf(path))

function checkFolders(root: string, paths: readonly string[]): void {
  const tops = paths.filter((path) => path.endsWith('.onnx')).map((path) => path.split('/').slice(0, -1)[0])
  const folders = [...new Set(tops)]
  const isAbove = folders.every((name) => name !== undefined && !isVariantFolder(name))
  if (folders.length < 2 || !isAbove) return
  throw new SpillwayError('file_missing', `${root} holds folders of models without a manifest`, {
    expected: 'a manifest.json in each',
    got: folders.slice(0, 8).join(', '),
    hint: `Write each one's first, such as "spillway manifest ${join(root, folders[0] ?? '')}".`,
  })
}

/** Links graphs and their external data below `from` into a folder. A link takes no space; a copy is made where it cannot be. */
function linkInto(folder: string, from: string, graphs: readonly string[]): string {
  for (const file of graphs.flatMap((graph) => filesOf(readModel(graph), graph))) {
    const target = join(folder, relative(from, file).replace(/^onnx[\\/]/, ''))
    mkdirSync(dirname(target), { recursive: true })
    rmSync(target, { force: true })
    try {
      linkSync(file, target)
    } catch {
      copyFileSync(file, target)
    }
  }
  return folder
}

import { existsSync, readdirSync, statSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { SpillwayError } from '../../core/error.ts'
import type { Folder } from '../../hub/folder.ts'
import { fileSpec, type OnRead } from './file-spec.ts'

/** Depth of the hub's folders; deeper files belong to something else. */
const maxDepth = 3
const maxFiles = 10_000

/**
 * The files of a model's folder. Folders in it that are models themselves are left out.
 *
 * @throws SpillwayError `file_missing` or `not_supported`.
 */
export function openFolder(root: string, onRead?: OnRead): Folder {
  if (!statSync(root, { throwIfNoEntry: false })?.isDirectory())
    throw new SpillwayError('file_missing', `There is no folder ${root}`)
  const sizes = new Map<string, number>()
  walk(root, '', 1, sizes)
  return {
    sizes,
    read: async (path) => {
      try {
        return new Uint8Array(await readFile(join(root, path)))
      } catch (cause) {
        throw SpillwayError.from(cause, 'file_missing', `${path} cannot be read`)
      }
    },
    spec: (path) => fileSpec(root, path, onRead),
  }
}

function walk(root: string, below: string, depth: number, sizes: Map<string, number>): void {
  for (const name of names(join(root, below))) {
    if (name.startsWith('.')) continue
    const path = below === '' ? name : `${below}/${name}`
    const stat = statSync(join(root, path), { throwIfNoEntry: false })
    if (stat?.isFile()) sizes.set(path, stat.size)
    else if (stat?.isDirectory() && depth < maxDepth && !isModel(join(root, path)))
      walk(root, path, depth + 1, sizes)
    if (sizes.size > maxFiles) {
      throw new SpillwayError('not_supported', `${root} has too many files for a model's folder`, {
        expected: `at most ${maxFiles}`,
      })
    }
  }
}

const isModel = (folder: string) => existsSync(join(folder, 'manifest.json'))

function names(folder: string): string[] {
  try {
    return readdirSync(folder).sort()
  } catch (cause) {
    throw SpillwayError.from(cause, 'file_missing', `The folder ${folder} cannot be read`)
  }
}

/** A counter for bytes that are read of a folder's files, against the sum of their sizes. */
export function countRead(
  folder: string,
  onProgress: (done: number, total: number) => void,
): (bytes: number) => void {
  const total = [...openFolder(folder).sizes.values()].reduce((sum, size) => sum + size, 0)
  let done = 0
  return (bytes) => {
    done += bytes
    onProgress(Math.min(done, total), total)
  }
}

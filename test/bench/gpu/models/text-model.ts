import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseVariant } from '../../../../models/tools/import/build-variant.ts'
import { importCheckpoint } from '../../../../models/tools/import/import.ts'
import { filesBelow } from '../../../support/files-below.ts'
import { cacheFolder } from '../cache.ts'
import type { Sizes } from './sizes.ts'
import { writeCheckpoint } from './write-checkpoint.ts'

const modelsCode = fileURLToPath(new URL('../../../../models/', import.meta.url))

/** The variants that are timed, by their ids in the manifest. */
export const textVariants = [
  { id: 'q4', needsHalves: false, isPaged: false },
  { id: 'q4f16', needsHalves: true, isPaged: false },
  { id: 'q4f16-paged', needsHalves: true, isPaged: true },
] as const

export type TextVariant = (typeof textVariants)[number]

/**
 * Imports the model by the project's own tools: again where their code has changed, since the graphs that they make are what
 * is measured.
 *
 * @returns A folder of models with this one.
 */
export async function importTextModel(sizes: Sizes): Promise<string> {
  const all = join(cacheFolder, 'models')
  const folder = join(all, codeDigest(), sizes.id)
  const target = join(folder, sizes.id)
  if (existsSync(join(target, 'manifest.json'))) return folder
  // Of other code, or not complete.
  for (const digest of listFolder(all)) rmSync(join(all, digest, sizes.id), { recursive: true, force: true })
  await importCheckpoint(randomCheckpoint(sizes), target, {
    id: sizes.id,
    title: `Random weights in the sizes of ${sizes.id.replace('random-', '')}`,
    variants: textVariants.map(({ id }) => {
      const variant = parseVariant(id)
      if (!variant) throw new Error(`There is no variant ${id}`)
      return variant
    }),
  })
  return folder
}

/** A digest of the code that makes models. */
function codeDigest(): string {
  const digest = createHash('sha256')
  for (const folder of ['core', 'tools'].map((name) => join(modelsCode, name)))
    for (const path of filesBelow(folder, '.ts').sort()) digest.update(readFileSync(path))
  return digest.digest('hex').slice(0, 16)
}

const listFolder = (path: string) => (existsSync(path) ? readdirSync(path) : [])

/** The folder of a checkpoint, which is written the first time. */
function randomCheckpoint(sizes: Sizes): string {
  const folder = join(cacheFolder, 'checkpoints', sizes.id)
  if (existsSync(folder)) return folder
  const partial = `${folder}.partial`
  rmSync(partial, { recursive: true, force: true })
  writeCheckpoint(partial, sizes)
  renameSync(partial, folder)
  return folder
}

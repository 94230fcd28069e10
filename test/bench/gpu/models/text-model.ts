import { existsSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { parseVariant } from '../../../../models/tools/import/build-variant.ts'
import { importCheckpoint } from '../../../../models/tools/import/import.ts'
import { madeFolder } from '../cache.ts'
import type { Sizes } from './sizes.ts'
import { writeCheckpoint } from './write-checkpoint.ts'

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
  const folder = join(madeFolder(), 'models', sizes.id)
  const target = join(folder, sizes.id)
  if (existsSync(join(target, 'manifest.json'))) return folder
  // Not complete.
  rmSync(target, { recursive: true, force: true })
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

/** The folder of a checkpoint, which is written the first time. */
function randomCheckpoint(sizes: Sizes): string {
  const folder = join(madeFolder(), 'checkpoints', sizes.id)
  if (existsSync(folder)) return folder
  const partial = `${folder}.partial`
  rmSync(partial, { recursive: true, force: true })
  writeCheckpoint(partial, sizes)
  renameSync(partial, folder)
  return folder
}

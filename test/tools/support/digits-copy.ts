import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Manifest } from '../../../models/core/index.ts'
import { digitsFolder, emptyFolder } from '../../support/test-models.ts'

/** A folder with a copy of `digits`, for commands that write into it. */
export async function copyOfDigits(): Promise<string> {
  const folder = join(await emptyFolder(), 'digits')
  cpSync(digitsFolder, folder, { recursive: true })
  return folder
}

export const readManifest = (folder: string): Manifest =>
  JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8'))

export const writeManifest = (folder: string, manifest: unknown): void =>
  writeFileSync(join(folder, 'manifest.json'), JSON.stringify(manifest))

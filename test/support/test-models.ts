import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { cp, mkdir, mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Manifest } from '../../models/core/index.ts'

export const digitsFolder = fileURLToPath(new URL('../../models/catalogue/digits/', import.meta.url))

export const digitsManifest: Manifest = JSON.parse(readFileSync(join(digitsFolder, 'manifest.json'), 'utf8'))

/** The folder of published models in SPILLWAY_TEST_MODELS, and why tests that need it are skipped. */
export const testModels = process.env.SPILLWAY_TEST_MODELS
export const withoutTestModels =
  testModels !== undefined && existsSync(testModels) ? undefined : 'SPILLWAY_TEST_MODELS is not a folder'

export const emptyFolder = () => mkdtemp(join(tmpdir(), 'spillway-'))

/** A folder for SPILLWAY_MODELS with one changed copy of `digits`. */
export async function copyDigits(change: (manifest: Manifest) => Manifest): Promise<string> {
  const folder = await emptyFolder()
  const manifest = change(digitsManifest)
  await writeDigits(folder, manifest.id, manifest)
  return folder
}

/** Writes a copy of `digits` into a folder of models. @param name The copy's own folder, and its id unless it is changed. */
export async function writeDigits(
  folder: string,
  name: string,
  change: Partial<Manifest> = {},
): Promise<void> {
  const target = join(folder, name)
  await cp(digitsFolder, target, { recursive: true })
  await writeFile(join(target, 'manifest.json'), JSON.stringify({ ...digitsManifest, id: name, ...change }))
}

/** A folder for SPILLWAY_MODELS with one model made of a single file. */
export async function modelFolder(
  file: string,
  manifest: Omit<Manifest, 'schema' | 'version' | 'description' | 'license' | 'variants'>,
): Promise<string> {
  const folder = await emptyFolder()
  const bytes = readFileSync(file)
  const target = join(folder, manifest.id)
  await mkdir(target)
  await writeFile(join(target, 'model.onnx'), bytes)
  const complete: Manifest = {
    schema: 1,
    version: '1',
    description: 'A model for tests.',
    license: 'as stated by its source',
    ...manifest,
    variants: [
      {
        id: 'fp32',
        precision: 'fp32',
        memory: bytes.length * 3,
        files: [
          {
            path: 'model.onnx',
            size: bytes.length,
            sha256: createHash('sha256').update(bytes).digest('hex'),
          },
        ],
      },
    ],
  }
  await writeFile(join(target, 'manifest.json'), JSON.stringify(complete))
  return folder
}

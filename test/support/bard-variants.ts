import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { cp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Backend, type Manifest, parseManifest } from '../../models/core/index.ts'
import { emptyFolder } from './test-models.ts'

export const bardFolder = fileURLToPath(new URL('../../models/catalogue/bard/', import.meta.url))

const read = (path: string) => JSON.parse(readFileSync(join(bardFolder, path), 'utf8'))

export const bardManifest: Manifest = parseManifest(read('manifest.json'), bardFolder)

/** A folder for SPILLWAY_MODELS with copies of `bard` that have other chat templates, by the copies' ids. */
export async function bardsWithTemplates(templates: Readonly<Record<string, string>>): Promise<string> {
  const folder = await emptyFolder()
  for (const [id, template] of Object.entries(templates)) {
    const target = join(folder, id)
    await cp(bardFolder, target, { recursive: true })
    const config = JSON.stringify({ ...read('tokenizer_config.json'), chat_template: template })
    const sha256 = createHash('sha256').update(config).digest('hex')
    const tokenizer = bardManifest.tokenizer?.map((file) =>
      file.path === 'tokenizer_config.json' ? { ...file, size: Buffer.byteLength(config), sha256 } : file,
    )
    await writeFile(join(target, 'tokenizer_config.json'), config)
    await writeFile(join(target, 'manifest.json'), JSON.stringify({ ...bardManifest, id, tokenizer }))
  }
  return folder
}

/** A variant of a copy of `bard`: its files are those of `from`. */
export interface VariantOf {
  readonly id: string
  readonly from: string
  readonly backends: readonly Backend[]
}

/** A folder for SPILLWAY_MODELS with copies of `bard` that have other variants, by the copies' ids. */
export async function bardsWithVariants(
  copies: Readonly<Record<string, readonly VariantOf[]>>,
): Promise<string> {
  const folder = await emptyFolder()
  for (const [id, variants] of Object.entries(copies)) {
    const target = join(folder, id)
    await cp(bardFolder, target, { recursive: true })
    const described = variants.map(({ from, ...variant }) => ({
      ...bardManifest.variants.find((one) => one.id === from),
      ...variant,
    }))
    await writeFile(
      join(target, 'manifest.json'),
      JSON.stringify({ ...bardManifest, id, variants: described }),
    )
  }
  return folder
}

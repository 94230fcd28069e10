import { closeSync, existsSync, openSync, renameSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { writeFolder } from '../../models/tools/import/folder.ts'
import { openCheckpoint } from '../../models/tools/import/open.ts'
import { parseVariant } from '../../models/tools/import/variant.ts'
import { randomFrom } from '../../models/tools/run/random.ts'
import { emptyFolder } from '../support/test-models.ts'

/** A folder with a manifest for a checkpoint, imported by our own tools. */
export async function languageModel(
  id: string,
  checkpoint: string,
  { to = 'fp32', topK }: { readonly to?: string; readonly topK?: number } = {},
): Promise<string> {
  const variant = parseVariant(to)
  if (!variant) throw new Error(`There is no variant ${to}`)
  const folder = await emptyFolder()
  const source = openCheckpoint(checkpoint, undefined)
  const context = source.checkpoint.shape.context
  await writeFolder(join(folder, id), source, { id, title: id, variants: [variant], context, topK })
  return folder
}

/** A checkpoint of llama2.c's with the sizes of its 15M stories model and weights of chance. */
export async function randomCheckpoint(path: string): Promise<string> {
  if (existsSync(path)) return path
  const [dim, hidden, layers, heads, vocabulary, context] = [288, 768, 6, 6, 32_000, 512]
  const random = randomFrom(15)
  const partial = `${path}.${process.pid}`
  const file = openSync(partial, 'w')
  writeSync(
    file,
    new Uint8Array(Int32Array.of(dim, hidden, layers, heads, heads, vocabulary, context).buffer),
  )
  const write = (count: number, scale: number, middle = 0) => {
    const values = Float32Array.from({ length: count }, () => middle + scale * (random.uniform() - 0.5))
    writeSync(file, new Uint8Array(values.buffer))
  }
  write(vocabulary * dim, 1)
  write(layers * dim, 0, 1)
  write(4 * layers * dim * dim, 0.2)
  write(layers * dim, 0, 1)
  write(3 * layers * dim * hidden, 0.2)
  write(dim, 0, 1)
  write((context * dim) / heads, 0)
  closeSync(file)
  renameSync(partial, path)
  return path
}

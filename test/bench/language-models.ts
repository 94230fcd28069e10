import { closeSync, existsSync, openSync, renameSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { parseVariant } from '../../models/tools/import/build-variant.ts'
import { writeFolder } from '../../models/tools/import/folder.ts'
import { openCheckpoint } from '../../models/tools/import/import.ts'
import { randomFrom } from '../../models/tools/run-model/random-samples.ts'
import { firstLayers } from '../support/stories.ts'
import { emptyFolder } from '../support/test-models.ts'
import { randomPiece } from './schema-text.ts'

interface LanguageModelOptions {
  readonly to?: string
  readonly topK?: number
  readonly tokenizer?: string
  /** So many of its layers, the first ones. Default: all. */
  readonly layers?: number
}

/** A folder with a checkpoint imported by the project's tools. */
export async function languageModel(
  id: string,
  checkpoint: string,
  { to = 'fp32', topK, tokenizer, layers }: LanguageModelOptions = {},
): Promise<string> {
  const variant = parseVariant(to)
  if (!variant) throw new Error(`There is no variant ${to}`)
  const folder = await emptyFolder()
  const whole = openCheckpoint(checkpoint, tokenizer)
  const source = layers === undefined ? whole : firstLayers(whole, layers)
  const context = source.checkpoint.shape.context
  await writeFolder(join(folder, id), source, { id, title: id, variants: [variant], context, topK })
  return folder
}

const randomVocabulary = 32_000

/** A tokenizer file of llama2.c for `randomCheckpoint`: bytes, and pieces that occur in no text. Servers need one. */
export async function randomTokenizer(): Promise<string> {
  const path = join(await emptyFolder(), 'tokenizer.bin')
  const parts = Array.from({ length: randomVocabulary }, (_, id) => {
    const text = Buffer.from(randomPiece(id))
    const head = Buffer.alloc(8)
    head.writeFloatLE(-id, 0)
    head.writeInt32LE(text.length, 4)
    return Buffer.concat([head, text])
  })
  writeFileSync(path, Buffer.concat([Buffer.from(Int32Array.of(8).buffer), ...parts]))
  return path
}

export interface RandomOptions {
  readonly context?: number
  /** Whether attention counts. Where it does not, a token depends on the last one alone, and a text soon repeats itself. */
  readonly attends?: boolean
  /** Layers after so many add nothing: a model of these alone writes the same. Default: all count. */
  readonly counting?: number
  /** Default: those of the 15M stories model. */
  readonly sizes?: Sizes
}

interface Sizes {
  readonly dim: number
  readonly hidden: number
  readonly layers: number
  readonly heads: number
  readonly vocabulary: number
}

const sizes15m: Sizes = { dim: 288, hidden: 768, layers: 6, heads: 6, vocabulary: randomVocabulary }

/** Those of the 260k stories model. */
export const sizes260k: Sizes = { dim: 64, hidden: 172, layers: 5, heads: 8, vocabulary: 512 }

/** A llama2.c checkpoint of random weights. */
export async function randomCheckpoint(
  path: string,
  { context = 512, attends = true, sizes = sizes15m, counting = sizes.layers }: RandomOptions = {},
): Promise<string> {
  if (existsSync(path)) return path
  const { dim, hidden, layers, heads, vocabulary } = sizes
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
  write(3 * layers * dim * dim, 0.2)
  write(counting * dim * dim, attends ? 0.2 : 0)
  write((layers - counting) * dim * dim, 0)
  write(layers * dim, 0, 1)
  write(layers * dim * hidden, 0.2)
  write(counting * dim * hidden, 0.2)
  write((layers - counting) * dim * hidden, 0)
  write(layers * dim * hidden, 0.2)
  write(dim, 0, 1)
  write((context * dim) / heads, 0)
  closeSync(file)
  renameSync(partial, path)
  return path
}

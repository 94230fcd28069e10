/**
 * Writes the model card of `bard`: measures every variant on the held-out tales of its recipe, and lets the first one
 * generate samples. `npx tsx test/support/measure-bard.ts CHECKPOINT`, with the folder that models/train/bard.py wrote.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Manifest, parseManifest, type Variant } from '../../models/core/index.ts'
import { readModel } from '../../models/tools/onnx/read.ts'
import { ortRuntime } from '../../models/tools/run-model/ort.ts'
import { readTokenizer } from '../../workers/host/text/tokenizer/tokenizer.ts'
import type { Tokenizer } from '../../workers/host/text/types.ts'
import { createSampler } from '../../workers/lane/sampling/sampler.ts'
import { decoderFeeds } from '../tools/support/decoder.ts'
import { type BardTraining, bardCard, type MeasuredVariant } from './bard-card.ts'

const checkpoint = process.argv[2]
if (!checkpoint) throw new Error('Name the folder that models/train/bard.py wrote')
const folder = fileURLToPath(new URL('../../models/catalogue/bard/', import.meta.url))
const read = (path: string) => readFileSync(path, 'utf8')
const manifest = parseManifest(JSON.parse(read(join(folder, 'manifest.json'))), folder)
const training: BardTraining = JSON.parse(read(join(checkpoint, 'training.json')))
const tokenizer = readTokenizer(
  new Map((manifest.tokenizer ?? []).map(({ path }) => [path, readFileSync(join(folder, path))])),
  manifest.generation?.stopTokens ?? [],
)
const row = packed(read(join(checkpoint, 'held-out.txt')))

/** The tales as the recipe packs them: an end mark before each tale and after the last. */
function packed(text: string): number[] {
  const tales = text.split('<|endoftext|>').map((tale) => tale.trim())
  return [...tales.flatMap((tale) => tokenizer.encode(tale, true)), ...tokenizer.encode('', true)]
}

type Logits = (tokens: readonly number[]) => Promise<Float32Array>

/** Computes a variant's logits at every position, on this machine's CPU. */
async function open({ files, backends }: Variant): Promise<{ logits: Logits; close: () => Promise<void> }> {
  const path = join(folder, files[0]?.path ?? '')
  const backend = backends?.includes('cpu') === false ? 'wasm' : 'cpu'
  const session = await ortRuntime.load(path, { backend, threads: 1 })
  const model = readModel(path)
  return {
    logits: async (tokens) => {
      const { logits } = await session.run(decoderFeeds(model, tokens))
      if (!(logits?.data instanceof Float32Array)) throw new Error(`${path} gives no logits`)
      return logits.data
    },
    close: () => session.release(),
  }
}

/** Nats per token over consecutive windows of the whole context, as in the recipe. */
async function lossOf(logits: Logits, { context, vocabulary }: NonNullable<Manifest['generation']>) {
  let sum = 0
  let count = 0
  for (let start = 0; start + context + 1 < row.length; start += context) {
    const values = await logits(row.slice(start, start + context))
    for (let at = 0; at < context; at++, count++) {
      const here = values.subarray(at * vocabulary, (at + 1) * vocabulary)
      // The logits are too small for their exponentials to overflow.
      let mass = 0
      for (const value of here) mass += Math.exp(value)
      sum += Math.log(mass) - (here[row[start + at + 1] ?? 0] ?? 0)
    }
  }
  return sum / count
}

const sampling = { temperature: 0.8, topP: 0.95 }

async function generateSample(
  logits: Logits,
  tokenizer: Tokenizer,
  opening: string,
  seed: number,
  count: number,
) {
  const tokens = tokenizer.encode(opening, true)
  const sampler = createSampler({ ...sampling, seed }, tokens, 0)
  const vocabulary = manifest.generation?.vocabulary ?? 0
  const opened = tokens.length
  while (tokens.length < opened + count) {
    const values = (await logits(tokens)).slice(-vocabulary)
    const { token } = sampler.next({ values }, tokens.length)
    if (tokenizer.stopTokens.includes(token)) break
    tokens.push(token)
  }
  return tokenizer.decode(tokens)
}

const measured: MeasuredVariant[] = []
const samples: { seed: number; text: string }[] = []
for (const variant of manifest.variants) {
  const { logits, close } = await open(variant)
  if (!manifest.generation) throw new Error('bard generates text')
  const loss = await lossOf(logits, manifest.generation)
  measured.push({ id: variant.id, size: variant.files.reduce((sum, { size }) => sum + size, 0), loss })
  process.stdout.write(`${variant.id}: ${loss.toFixed(4)}\n`)
  if (samples.length === 0) {
    const openings = ['Once upon a time there was a king who', 'The little mouse said to the lion,']
    for (const [seed, opening] of [...openings, openings[0] ?? ''].entries()) {
      samples.push({ seed, text: await generateSample(logits, tokenizer, opening, seed, 120) })
    }
  }
  await close()
}
const about = {
  description: 'Tells stories in the manner of old fairy tales, with little sense in them.',
  license: 'MIT',
}
writeFileSync(join(folder, 'manifest.json'), `${JSON.stringify({ ...manifest, ...about }, null, 2)}\n`)
writeFileSync(join(folder, 'README.md'), bardCard(training, measured, samples))

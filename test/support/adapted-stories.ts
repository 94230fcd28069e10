import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Manifest } from '../../models/core/index.ts'
import { adaptModel } from '../../models/tools/adapt/adapt.ts'
import type { ImportSource } from '../../models/tools/import/checkpoint.ts'
import { type FolderOptions, writeFolder } from '../../models/tools/import/folder.ts'
import { readModel } from '../../models/tools/onnx/read.ts'
import { ortRuntime } from '../../models/tools/run-model/ort.ts'
import { decoderFeeds } from '../tools/support/decoder.ts'
import { allRoles, merge, randomAdapter, type TestAdapter, writeAdapter } from './lora.ts'
import { emptyFolder } from './test-models.ts'

/** stories260k with two random adapters, and what models merged with each of them write. */
export interface AdaptedStories {
  readonly manifest: Manifest
  readonly folder: string
  /** As base64. */
  readonly graph: string
  /** Greedy texts of one adapter each: its number in the graph, the tokens, and the first one's logits. */
  readonly cases: readonly {
    readonly adapter: number
    readonly prompt: readonly number[]
    readonly tokens: readonly number[]
    readonly logits: readonly number[]
  }[]
}

const textLength = 24

/** @param folder The model without adapters. */
export async function adaptStories(
  folder: string,
  source: ImportSource,
  options: FolderOptions,
  prompts: readonly (readonly number[])[],
): Promise<AdaptedStories> {
  const { checkpoint } = source
  const adapters = [
    randomAdapter(checkpoint, { seed: 11, rank: 4, alpha: 4, roles: allRoles }),
    randomAdapter(checkpoint, { seed: 12, rank: 2, alpha: 6, roles: ['query', 'value', 'down'] }),
  ]
  const parent = await emptyFolder()
  const named = adapters.map((adapter, index) => {
    const name = ['sea', 'wood'][index] ?? ''
    writeAdapter(join(parent, name), adapter)
    return { name, path: join(parent, name) }
  })
  const out = join(parent, 'stories-adapted')
  const manifest = await adaptModel(folder, named, out)
  const cases: AdaptedStories['cases'][number][] = []
  for (const [index, adapter] of adapters.entries()) {
    for (const text of await mergedTexts(join(parent, `merged-${index}`), source, options, adapter, prompts))
      cases.push({ adapter: index + 1, ...text })
  }
  return { manifest, folder: out, graph: readFileSync(join(out, 'fp32/model.onnx'), 'base64'), cases }
}

/** Greedy texts of the model merged with an adapter: each token by a run over all tokens before it. */
async function mergedTexts(
  folder: string,
  source: ImportSource,
  options: FolderOptions,
  adapter: TestAdapter,
  prompts: readonly (readonly number[])[],
) {
  await writeFolder(folder, { ...source, checkpoint: merge(source.checkpoint, adapter) }, options)
  const path = join(folder, 'fp32/model.onnx')
  const model = readModel(path)
  const session = await ortRuntime.load(path, { backend: 'cpu', threads: 1 })
  const texts: { prompt: readonly number[]; tokens: number[]; logits: number[] }[] = []
  for (const prompt of prompts) {
    const tokens: number[] = []
    let first: number[] | undefined
    while (tokens.length < textLength) {
      const { logits } = await session.run(decoderFeeds(model, [...prompt, ...tokens]))
      const size = logits?.shape.at(-1) ?? 0
      const last = Array.from<unknown, number>(logits?.data ?? [], Number).slice(-size)
      first ??= last
      tokens.push(last.indexOf(Math.max(...last)))
    }
    texts.push({ prompt, tokens, logits: first ?? [] })
  }
  await session.release()
  return texts
}

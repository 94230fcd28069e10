import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Manifest } from '../../models/core/index.ts'
import { buildVariant, parseVariant } from '../../models/tools/import/build-variant.ts'
import type { ImportSource } from '../../models/tools/import/checkpoint.ts'
import { writeFolder } from '../../models/tools/import/folder.ts'
import { openCheckpoint } from '../../models/tools/import/import.ts'
import { modelBytes } from '../../models/tools/onnx/save.ts'
import { pageModel } from '../../models/tools/page/page-model.ts'
import { type AdaptedStories, adaptStories } from './adapted-stories.ts'
import { emptyFolder, testModels, withoutTestModels } from './test-models.ts'

/** The published stories260k, imported as float32, with its published reference outputs. */
export interface Stories {
  readonly manifest: Manifest
  /** The folder with the model and its manifest, for SPILLWAY_MODELS. */
  readonly folder: string
  /** The graph as base64; `selecting` has the selection of the eight likeliest tokens in the graph. */
  readonly graph: string
  readonly selecting: string
  /** The graph with 16-bit floats and its keys and values in blocks, as base64. */
  readonly paged: string
  /** The graph of the first layers alone, as base64: it writes other texts with the same tokens, and often the same. */
  readonly draft: { readonly graph: string; readonly manifest: Manifest }
  readonly cases: readonly { readonly prompt: readonly number[]; readonly tokens: readonly number[] }[]
  /** Tokens, and the logits after each of the first sixteen. */
  readonly reference: { readonly tokens: readonly number[]; readonly logits: readonly (readonly number[])[] }
  readonly adapted: AdaptedStories
}

export async function importStories(): Promise<Stories | { readonly absent: string }> {
  if (withoutTestModels !== undefined || testModels === undefined) return { absent: withoutTestModels ?? '' }
  const published = (name: string) => join(testModels ?? '', 'stories260k', name)
  const json = (name: string) => JSON.parse(readFileSync(published(name), 'utf8'))
  const source = openCheckpoint(published('stories260K.bin'), published('tok512.bin'))
  const variant = parseVariant('fp32')
  const options = { id: 'stories260k', title: 'Stories', variants: variant ? [variant] : [], context: 512 }
  const make = async (topK?: number, made = source, id = options.id) => {
    const folder = join(await emptyFolder(), id)
    const manifest = await writeFolder(folder, made, { ...options, id, topK })
    return { manifest, folder, graph: readFileSync(join(folder, 'fp32/model.onnx'), 'base64') }
  }
  const { manifest, folder, graph } = await make()
  const inHalves = parseVariant('fp16')
  if (!inHalves) throw new Error('There is no variant fp16')
  const halves = await buildVariant(source.checkpoint, inHalves, { context: 512 })
  const { cases }: { cases: { prompt_ids: number[]; ids: number[] }[] } = json('prompts.json')
  const { token_ids, logits_first16 }: { token_ids: number[]; logits_first16: number[][] } =
    json('reference.json')
  // The second prompt repeats itself: what follows is proposed.
  const passage = token_ids.slice(0, 24)
  const prompts = [cases[0]?.prompt_ids ?? [], [...passage, ...passage.slice(0, 6)]]
  return {
    manifest,
    folder,
    graph,
    selecting: (await make(8)).graph,
    paged: Buffer.from(modelBytes(pageModel(halves))).toString('base64'),
    draft: await make(undefined, firstLayers(source, 3), 'stories-draft'),
    cases: cases.map(({ prompt_ids, ids }) => ({ prompt: prompt_ids, tokens: ids })),
    reference: { tokens: token_ids, logits: logits_first16 },
    adapted: await adaptStories(folder, source, options, prompts),
  }
}

/** A smaller model with the same tokens. */
export function firstLayers(source: ImportSource, layers: number): ImportSource {
  const { checkpoint } = source
  const shape = { ...checkpoint.shape, layers }
  return { ...source, checkpoint: { ...checkpoint, shape, layers: checkpoint.layers.slice(0, layers) } }
}

import { SpillwayError } from '../core/error.ts'
import type { GenerationSpec } from '../core/language.ts'
import { type FileSpec, type Manifest, parseManifest, type Variant } from '../core/manifest.ts'
import type { TensorSpec } from '../core/tensor-spec.ts'
import { type Configs, readConfigs } from './config.ts'
import { conventionOf, labelsOf, type Signature } from './convention.ts'
import type { Folder } from './folder.ts'
import { embeddingOf, generationOf, kvTypeOf } from './language-specs.ts'
import { type Candidate, findVariants } from './layout.ts'

/** What a folder does not tell about the model in it. */
export interface About extends Pick<Manifest, 'id' | 'version' | 'title' | 'description' | 'license'> {
  /** Where the model is, for people. */
  readonly from: string
  /** The hub's name for what it does. */
  readonly pipeline?: string | undefined
}

/** What was read from the graphs themselves, where somebody could read them. */
export interface GraphFacts {
  readonly candidates: readonly Candidate[]
  readonly signature: Signature
  /** Of a graph that keeps keys and values from step to step. */
  readonly generation?: Partial<Pick<GenerationSpec, 'kv' | 'batched' | 'vocabulary'>>
  /** By variant. */
  readonly variants: ReadonlyMap<string, Pick<Variant, 'memory' | 'kvType'>>
}

/** Where backends differ, they do by float arithmetic; a derived manifest measures nothing. */
const tolerance = 0.01

/** `tokenizer.json` is the one that is needed; the others add to it. */
const tokenizerFiles = [
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'chat_template.jinja',
  'chat_template.json',
]

/**
 * The manifest of a model in the hub's layout, out of the names of its files and its configurations.
 *
 * @param graph What its graph says; without it, inputs and outputs are as the hub's converters name them for the
 * architecture, and the session that is loaded confirms them.
 * @throws SpillwayError `model_invalid`, `not_supported` or what kept a file from being read.
 */
export async function describeModel(folder: Folder, about: About, graph?: GraphFacts): Promise<Manifest> {
  const candidates = graph?.candidates ?? findVariants(folder.sizes.keys(), about.from)
  const configs = await readConfigs(folder)
  const convention = conventionOf(configs, about.pipeline)
  const signature = graph ? withNotes(graph.signature, convention?.signature) : convention?.signature
  if (!signature) throw unknownArchitecture(about.from, configs)
  const task = taskOf(convention?.task, graph)
  const [tokenizer, variants] = await Promise.all([
    Promise.all(tokenizerFiles.filter((path) => folder.sizes.has(path)).map(folder.spec)),
    Promise.all(candidates.map((candidate) => variantOf(candidate, task, configs, folder, graph))),
  ])
  const labels = task.endsWith('classification') || task === 'tensor' ? labelsOf(configs.model) : undefined
  const { from: _from, pipeline: _pipeline, ...named } = about
  return parseManifest(
    {
      schema: 1,
      ...named,
      task,
      ...signature,
      ...(tokenizer[0]?.path === 'tokenizer.json' ? { tokenizer } : {}),
      ...(task === 'text-generation'
        ? { generation: generationOf(configs, about.from, graph?.generation) }
        : {}),
      ...(task === 'feature-extraction' && tokenizer.length > 0 ? { embedding: embeddingOf(configs) } : {}),
      ...(labels ? { labels } : {}),
      tolerance,
      variants,
    },
    about.from,
  )
}

/** A cache in the graph is what makes it generate text, and a graph without one does not. */
function taskOf(told: Manifest['task'] | undefined, graph: GraphFacts | undefined): Manifest['task'] {
  if (!graph) return told ?? 'tensor'
  if (graph.generation) return 'text-generation'
  return told === undefined || told === 'text-generation' ? 'tensor' : told
}

/** What a convention knows of an input that no graph tells: how it is filled up, and what it is. */
function withNotes(signature: Signature, known: Signature | undefined): Signature {
  const noted = (spec: TensorSpec, others: readonly TensorSpec[] = []): TensorSpec => {
    const { pad, description } = others.find(({ name }) => name === spec.name) ?? {}
    const fits = pad && signature.batchAxis !== null && spec.shape[pad.axis] === -1
    return { ...spec, ...(fits ? { pad } : {}), ...(description === undefined ? {} : { description }) }
  }
  return {
    ...signature,
    inputs: signature.inputs.map((spec) => noted(spec, known?.inputs)),
    outputs: signature.outputs.map((spec) => noted(spec, known?.outputs)),
  }
}

async function variantOf(
  { id, precision, backends, paths }: Candidate,
  task: Manifest['task'],
  configs: Configs,
  folder: Folder,
  graph: GraphFacts | undefined,
): Promise<Variant> {
  const files = await Promise.all(paths.map(folder.spec))
  const known = graph?.variants.get(id)
  const kvType = known?.kvType ?? kvTypeOf(id, configs)
  return {
    id,
    precision,
    ...(backends ? { backends } : {}),
    memory: known?.memory ?? memoryOf(files),
    ...(task === 'text-generation' && kvType === 'float16' ? { kvType } : {}),
    files,
  }
}

/** Without the graph: the file while it is loaded, its weights, and as much as a small run and a cache take. */
const memoryOf = (files: readonly FileSpec[]): number =>
  2 * files.reduce((sum, { size }) => sum + size, 0) + 32 * 2 ** 20

const unknownArchitecture = (from: string, { model }: Configs) =>
  new SpillwayError('not_supported', `What ${from} takes and gives does not follow from its config.json`, {
    expected: 'an architecture such as BertModel, LlamaForCausalLM or MobileNetV4ForImageClassification',
    got: model.architectures?.join(', ') || model.model_type || 'none',
    hint: 'Fetch it with "spillway pull", which reads the graph, and serve the folder.',
  })

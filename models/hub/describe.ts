import { SpillwayError } from '../core/error.ts'
import type { GenerationSpec } from '../core/language.ts'
import type { FileSpec, Manifest, Variant } from '../core/manifest.ts'
import { parseManifest } from '../core/manifest-schema.ts'
import type { TensorSpec } from '../core/tensor-spec.ts'
import { type Configs, readConfigs } from './config.ts'
import { conventionOf } from './convention.ts'
import { labelsOf, type Signature } from './convention-types.ts'
import { embeddingOf } from './embedding-spec.ts'
import type { Folder } from './folder.ts'
import { generationOf, kvTypeOf } from './language-specs.ts'
import { type Candidate, findVariants } from './layout.ts'

/** Facts about a model that its files do not contain. */
export interface About extends Pick<Manifest, 'id' | 'version' | 'title' | 'description' | 'license'> {
  /** The model's source, for messages. */
  readonly from: string
  /** The hub's pipeline tag, such as `feature-extraction`. */
  readonly pipeline?: string | undefined
}

/** Facts read from the graphs. A page cannot read them cheaply; the command line does. */
export interface GraphFacts {
  readonly candidates: readonly Candidate[]
  readonly signature: Signature
  /** Of a graph with a key-value cache. */
  readonly generation?: Partial<Pick<GenerationSpec, 'kv' | 'batched' | 'vocabulary'>>
  /** By variant. */
  readonly variants: ReadonlyMap<string, Pick<Variant, 'memory' | 'kvType'>>
}

/** For differences of float arithmetic between backends. A derived manifest is not measured. */
const tolerance = 0.01

/** `tokenizer.json` is required; the others add to it. */
const tokenizerFiles = [
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'chat_template.jinja',
  'chat_template.json',
]

/**
 * The manifest of a model in the hub's layout, derived from its file names and configurations.
 *
 * @param graph Facts read from the graph. Without them, inputs and outputs are those that the hub's converters give to
 * the architecture, and the session that is loaded confirms them.
 * @throws SpillwayError `model_invalid`, `not_supported` or the error of reading a file.
 */
export async function describeModel(folder: Folder, about: About, graph?: GraphFacts): Promise<Manifest> {
  const candidates = graph?.candidates ?? findVariants(folder.sizes.keys(), about.from)
  const configs = await readConfigs(folder)
  const convention = conventionOf(configs, about.pipeline)
  const signature = graph ? withConvention(graph.signature, convention?.signature) : convention?.signature
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
      ...(task === 'feature-extraction' && tokenizer.length > 0
        ? { embedding: await embeddingOf(configs, folder, about.from) }
        : {}),
      ...(labels ? { labels } : {}),
      tolerance,
      variants,
    },
    about.from,
  )
}

/** A graph generates text exactly if it has a key-value cache. */
function taskOf(known: Manifest['task'] | undefined, graph: GraphFacts | undefined): Manifest['task'] {
  if (!graph) return known ?? 'tensor'
  if (graph.generation) return 'text-generation'
  return known === undefined || known === 'text-generation' ? 'tensor' : known
}

/** Adds what a graph does not contain: how an input is padded, and its description. */
function withConvention(signature: Signature, known: Signature | undefined): Signature {
  const annotate = (spec: TensorSpec, others: readonly TensorSpec[] = []): TensorSpec => {
    const { pad, description } = others.find(({ name }) => name === spec.name) ?? {}
    const fits = pad && signature.batchAxis !== null && spec.shape?.[pad.axis] === -1
    return { ...spec, ...(fits ? { pad } : {}), ...(description === undefined ? {} : { description }) }
  }
  return {
    ...signature,
    inputs: signature.inputs.map((spec) => annotate(spec, known?.inputs)),
    outputs: signature.outputs.map((spec) => annotate(spec, known?.outputs)),
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

/** An estimate without the graph: the file while it is loaded, its weights, and 32 MB for a run and a cache. */
const memoryOf = (files: readonly FileSpec[]): number =>
  2 * files.reduce((sum, { size }) => sum + size, 0) + 32 * 2 ** 20

const unknownArchitecture = (from: string, { model }: Configs) =>
  new SpillwayError('not_supported', `The inputs and outputs of ${from} do not follow from its config.json`, {
    expected: 'an architecture such as BertModel, LlamaForCausalLM or MobileNetV4ForImageClassification',
    got: model.architectures?.join(', ') || model.model_type || 'none',
    hint: 'Fetch it with "spillway pull", which reads the graph, and serve that folder.',
  })

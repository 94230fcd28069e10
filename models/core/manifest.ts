import type { FileSpec } from './file-spec.ts'
import type { EmbeddingSpec, GenerationSpec } from './language.ts'
import type { Backend } from './placement.ts'
import type { StateSpec, TensorSpec } from './tensor-spec.ts'

export type { FileSpec }

/** The tasks that a model may have; `tensor` is any other. */
export const tasks = [
  'text-generation',
  'feature-extraction',
  'text-classification',
  'image-classification',
  'tensor',
] as const

/** One of `tasks`. */
export type Task = (typeof tasks)[number]

/** How the weights of a variant are stored. */
export const precisions = ['fp32', 'fp16', 'q8', 'q4', 'q4f16', 'bnb4'] as const

/** One set of files of a model, for one precision. */
export interface Variant {
  id: string
  precision: (typeof precisions)[number]
  /** The only backends that run this variant. Default: all. */
  backends?: Backend[] | undefined
  /** The ONNX graph first, then its external data files. */
  files: FileSpec[]
  /** Bytes that a lane needs to load and run it at batch 1: weights, activations and the runtime's copies. */
  memory: number
  /** Element type of a language model's KV cache. Default: `float32`. */
  kvType?: 'float32' | 'float16' | undefined
}

/** What a model is: enough to check a request, to place it, and to fetch and verify its files. */
export interface Manifest {
  /** Version of the manifest's schema. */
  schema: 1
  id: string
  version: string
  title: string
  description: string
  license: string
  task: Task
  /** Empty for a model that takes none. */
  inputs: TensorSpec[]
  /** Empty only where there are no variants. */
  outputs: TensorSpec[]
  /** The axis along which rows of several requests may share a run; null where the graph fixes the batch. */
  batchAxis: 0 | null
  /** Tensors that a session (`model.createSession()`) keeps between its runs. */
  state?: StateSpec[] | undefined
  /** Settings of batching for a model with a batch axis, as in Triton's dynamic batcher. */
  batching?: BatchingSpec | undefined
  /** The tokenizer's files under their names on the hub: `tokenizer.json` and its companions. */
  tokenizer?: FileSpec[] | undefined
  /** For `text-generation`: required where there are variants. */
  generation?: GenerationSpec | undefined
  /** For `feature-extraction` of texts. */
  embedding?: EmbeddingSpec | undefined
  /** Names of the positions along the last axis of the first output. */
  labels?: string[] | undefined
  /** The largest absolute difference between backends on the same input. Default: `defaultTolerance`. */
  tolerance?: number | undefined
  /** Empty for a model that devices and servers do not run themselves: an upstream of the server runs it. */
  variants: Variant[]
  /** Who may read the model's files from a server. `key`: callers with a key or a page's token. Default: `public`. */
  access?: 'public' | 'key' | undefined
}

/** How requests of a model share runs. */
export interface BatchingSpec {
  /** Maximum rows of one run. */
  maxRows?: number | undefined
  /** Batch sizes that the model runs best at: a batch is filled up to the largest of them that it reaches. */
  preferredRows?: number[] | undefined
  /** Milliseconds that a request may wait for others to share its batch while a lane is idle. Default: 0. */
  maxDelayMs?: number | undefined
  /**
   * Why rows of several requests may share a run. `proven`: runs of rows alone and together gave the same outputs, as
   * `spillway manifest` checks. `accepted`: the author accepts that rows influence each other, as in models that round by
   * the range of a whole batch. Absent: each lane proves it when it loads the model, and shares no run otherwise.
   */
  evidence?: 'proven' | 'accepted' | undefined
}

/** How far two backends may differ on the same input where a manifest does not say. */
export const defaultTolerance = 0.01

/** Whether rows of several requests may share a run only after a lane has proven it. Sequences of texts share steps anyway. */
export const needsRowProof = ({ batchAxis, batching, generation }: Manifest): boolean =>
  batchAxis !== null && batching?.evidence === undefined && generation === undefined

/** The variants that run on a backend, best first. */
export const variantsFor = ({ variants }: Manifest, backend: Backend): Variant[] =>
  variants.filter((variant) => variant.backends?.includes(backend) ?? true)

/** The files that turn texts into tokens and vectors beside the graph: the tokenizer's, then the dense layers'. */
export const textFiles = ({ tokenizer = [], embedding }: Manifest): FileSpec[] => [
  ...tokenizer,
  ...(embedding?.dense ?? []).map(({ file }) => file),
]

/** All files of a model: those of its texts and of every variant. */
export const manifestFiles = (manifest: Manifest): FileSpec[] => [
  ...textFiles(manifest),
  ...manifest.variants.flatMap(({ files }) => files),
]

/** Path of a model's manifest below a folder of models; servers, sites and static hosts share it. */
export const manifestFile = (id: string): string => `${encodeURIComponent(id)}/manifest.json`

/** Address of a model's file, relative to its manifest. It holds the hash, so the file may be cached for ever. */
export const modelFile = ({ path, sha256 }: FileSpec): string =>
  `${path.split('/').map(encodeURIComponent).join('/')}?sha256=${sha256}`

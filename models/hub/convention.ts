import type { Manifest, Task } from '../core/manifest.ts'
import type { TensorSpec } from '../core/tensor-spec.ts'
import type { Configs, ModelConfig, PreprocessorConfig } from './config.ts'

/** The inputs and outputs of a graph. */
export type Signature = Pick<Manifest, 'inputs' | 'outputs' | 'batchAxis'>

/** A model's task, and its inputs and outputs as the hub's converters name them. */
export interface Convention {
  readonly task: Task
  readonly signature: Signature
}

/** By the suffix of the architecture's name in `config.json`. */
const conventions: readonly (readonly [RegExp, (configs: Configs) => Convention])[] = [
  [/For(?:CausalLM|ConditionalLM)$|LMHead(?:Model)?$/, ({ model }) => generation(model)],
  [/ForImageClassification$/, image],
  [
    /ForSequenceClassification$/,
    ({ model }) => ({
      task: 'text-classification',
      signature: textSignature(model, [{ name: 'logits', type: 'float32', shape: [-1, labelCount(model)] }]),
    }),
  ],
  [/ForTokenClassification$/, ({ model }) => eachToken(model, [['logits', labelCount(model)]])],
  [/For(?:MaskedLM|PreTraining)$/, ({ model }) => eachToken(model, [['logits', model.vocab_size ?? -1]])],
  [/ForQuestionAnswering$/, ({ model }) => eachToken(model, ['start_logits', 'end_logits'])],
]

/** Undefined where neither the pipeline nor the architecture says it; then the graph must be read. */
export function conventionOf(configs: Configs, pipeline: string | undefined): Convention | undefined {
  const architecture = configs.model.architectures?.[0] ?? ''
  if (pipeline === 'feature-extraction' || pipeline === 'sentence-similarity') return embedder(configs.model)
  const found = conventions.find(([name]) => name.test(architecture))
  if (found) return found[1](configs)
  const textModel = configs.model.vocab_size != null && /Model$/.test(architecture)
  return textModel ? embedder(configs.model) : undefined
}

export const labelsOf = ({ id2label }: ModelConfig): string[] | undefined => {
  const labels = Object.entries(id2label ?? {})
    .map(([index, label]) => [Number(index), label] as const)
    .sort(([one], [other]) => one - other)
  return labels.length > 0 && labels.every(([index], at) => index === at)
    ? labels.map(([, label]) => label)
    : undefined
}

const labelCount = (model: ModelConfig): number => labelsOf(model)?.length ?? -1

const ids = (name: string, description?: string): TensorSpec => ({
  name,
  type: 'int64',
  shape: [-1, -1],
  ...(description === undefined ? {} : { description }),
})

const generation = (model: ModelConfig): Convention => ({
  task: 'text-generation',
  signature: {
    inputs: [ids('input_ids'), ids('attention_mask'), ids('position_ids')],
    outputs: [{ name: 'logits', type: 'float32', shape: [-1, -1, model.vocab_size ?? -1] }],
    batchAxis: 0,
  },
})

/** Families whose graphs take `token_type_ids`: the sentence that each token is in. */
const hasTokenTypes = /^(?:bert|albert|electra|deberta|deberta-v2|nomic_bert|mobilebert|roformer|convbert)$/

/** Texts of different lengths share a run: padding that the mask hides changes no output. */
function textSignature(model: ModelConfig, outputs: TensorSpec[]): Signature {
  const padded = (name: string, value: number, description: string): TensorSpec => ({
    ...ids(name, description),
    pad: { axis: 1, value },
  })
  const sentences = hasTokenTypes.test(model.model_type ?? '') && model.type_vocab_size !== 0
  return {
    inputs: [
      padded('input_ids', model.pad_token_id ?? 0, 'Tokens.'),
      padded('attention_mask', 0, 'One for a token, zero for padding.'),
      ...(sentences ? [padded('token_type_ids', 0, 'Zero in the first sentence, one in the second.')] : []),
    ],
    outputs,
    batchAxis: 0,
  }
}

const eachToken = (
  model: ModelConfig,
  outputs: readonly (string | readonly [string, number])[],
  task: Task = 'tensor',
): Convention => ({
  task,
  signature: textSignature(
    model,
    outputs.map((output) => {
      const [name, ...size] = typeof output === 'string' ? [output] : output
      return { name, type: 'float32', shape: [-1, -1, ...size], pad: { axis: 1, value: 0 } }
    }),
  ),
})

const embedder = (model: ModelConfig): Convention =>
  eachToken(model, [['last_hidden_state', model.hidden_size ?? -1]], 'feature-extraction')

function image({ model, preprocessor }: Configs): Convention {
  const [height, width] = imageSize(model, preprocessor)
  const { image_mean: mean, image_std: std } = preprocessor
  const scaled = mean && std ? `, minus ${mean.join(', ')}, divided by ${std.join(', ')}` : ''
  return {
    task: 'image-classification',
    signature: {
      inputs: [
        {
          name: 'pixel_values',
          type: 'float32',
          shape: [-1, model.num_channels ?? 3, height, width],
          description: `Red, green and blue planes from 0 to 1${scaled}.`,
        },
      ],
      outputs: [{ name: 'logits', type: 'float32', shape: [-1, labelCount(model)] }],
      batchAxis: 0,
    },
  }
}

function imageSize(model: ModelConfig, preprocessor: PreprocessorConfig): readonly [number, number] {
  const { size, crop_size: crop, do_center_crop: crops } = preprocessor
  for (const given of crops === false ? [size] : [crop, size]) {
    if (typeof given === 'number') return [given, given]
    const height = given?.height ?? given?.shortest_edge
    const width = given?.width ?? given?.shortest_edge
    if (height && width) return [height, width]
  }
  const [height = -1, width = height] = [model.image_size ?? []].flat()
  return [height, width]
}

import type { Task } from '../core/manifest.ts'
import type { TensorSpec } from '../core/tensor-spec.ts'
import type { Configs, ModelConfig } from './config.ts'
import { type Convention, labelCount, type Signature } from './convention-types.ts'
import { mediaConventions } from './media-conventions.ts'

/** By the suffix of the architecture's name in `config.json`. */
const conventions: readonly (readonly [RegExp, (configs: Configs) => Convention])[] = [
  [/For(?:CausalLM|ConditionalLM)$|LMHead(?:Model)?$/, ({ model }) => generation(model)],
  ...mediaConventions,
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

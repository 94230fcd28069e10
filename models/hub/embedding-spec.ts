import * as z from 'zod/mini'
import { SpillwayError } from '../core/error.ts'
import type { EmbeddingSpec } from '../core/language.ts'
import { anyOf, showValue } from '../core/wording.ts'
import { type Configs, readConfig } from './config.ts'
import type { Folder } from './folder.ts'
import { contextOf, noLimit } from './language-specs.ts'

/** The steps of a sentence-transformers model, in their order. */
const modulesSchema = z.array(z.looseObject({ type: z.string(), path: z.optional(z.string()) }))

const flag = z.optional(z.nullable(z.boolean()))

/** The flags of sentence-transformers, and the manifest's words for them. */
const poolingNames = {
  pooling_mode_cls_token: 'cls',
  pooling_mode_max_tokens: 'max',
  pooling_mode_mean_tokens: 'mean',
  pooling_mode_mean_sqrt_len_tokens: 'mean_sqrt_len',
  pooling_mode_weightedmean_tokens: 'weighted_mean',
  pooling_mode_lasttoken: 'last',
} as const satisfies Readonly<Record<string, EmbeddingSpec['pooling']>>

const poolingConfig = z.looseObject({
  pooling_mode_cls_token: flag,
  pooling_mode_max_tokens: flag,
  pooling_mode_mean_tokens: flag,
  pooling_mode_mean_sqrt_len_tokens: flag,
  pooling_mode_weightedmean_tokens: flag,
  pooling_mode_lasttoken: flag,
})

const size = z.int().check(z.positive())
const denseConfig = z.looseObject({
  in_features: size,
  out_features: size,
  bias: flag,
  activation_function: z.optional(z.nullable(z.string())),
})

/** PyTorch's classes, by the last part of their names. */
const activations: Readonly<Record<string, 'identity' | 'tanh' | 'relu'>> = {
  Identity: 'identity',
  Tanh: 'tanh',
  ReLU: 'relu',
}

/**
 * How the vectors of tokens become the vector of a text. Without a list of modules it is their mean, normalized.
 *
 * @throws SpillwayError `not_supported` for a step that is not understood: without it the vectors would be others.
 */
export async function embeddingOf(configs: Configs, folder: Folder, from: string): Promise<EmbeddingSpec> {
  const { sentence, tokenizer } = configs
  const modules = await readConfig(folder, 'modules.json', z.nullable(modulesSchema), null)
  const steps = (modules ?? defaultModules).map(({ type, path = '' }) => ({ name: lastPart(type), path }))
  const order = steps.map(({ name }) => name).filter((name) => name !== 'Dropout')
  if (!/^Transformer Pooling( Dense)*( Normalize)*$/.test(order.join(' '))) {
    throw new SpillwayError('not_supported', `Texts cannot be embedded with ${from}`, {
      expected: 'the modules Transformer, Pooling, Dense and Normalize, in this order',
      got: order.join(', ') || 'none',
    })
  }
  await checkTexts(configs, folder, from)
  const poolingPath = steps.find(({ name }) => name === 'Pooling')?.path ?? ''
  const [pooling, dense] = await Promise.all([
    poolingOf(folder, `${poolingPath}/config.json`, from),
    Promise.all(steps.filter(({ name }) => name === 'Dense').map(({ path }) => denseOf(folder, path, from))),
  ])
  const maxLength = Math.min(tokenizer.model_max_length ?? noLimit, sentence.max_seq_length ?? noLimit)
  return {
    pooling,
    ...(dense.length > 0 ? { dense } : {}),
    normalize: order.includes('Normalize'),
    context: Math.min(maxLength, contextOf(configs)),
  }
}

const promptConfig = z.looseObject({
  prompts: z.optional(z.nullable(z.record(z.string(), z.string()))),
  default_prompt_name: z.optional(z.nullable(z.string())),
})

/** @throws SpillwayError `not_supported` where sentence-transformers changes texts before the tokenizer reads them. */
async function checkTexts({ sentence, tokenizer }: Configs, folder: Folder, from: string): Promise<void> {
  const path = 'config_sentence_transformers.json'
  const { prompts, default_prompt_name: name } = await readConfig(folder, path, promptConfig)
  const prompt = name ? prompts?.[name] : undefined
  if (prompt) {
    throw new SpillwayError('not_supported', `${from} puts a prompt before each text`, {
      expected: `no default_prompt_name in ${path}`,
      got: showValue(prompt),
      hint: 'Remove it, and write the prompt into the texts.',
    })
  }
  // A tokenizer that says nothing may lower the case itself.
  if (sentence.do_lower_case && tokenizer.do_lower_case === false) {
    throw new SpillwayError(
      'not_supported',
      `${from} reads texts in lower case, and its tokenizer does not`,
      {
        expected: 'the same do_lower_case in sentence_bert_config.json and tokenizer_config.json',
      },
    )
  }
}

const defaultModules = [
  { type: 'Transformer', path: '' },
  { type: 'Pooling', path: '1_Pooling' },
  { type: 'Normalize', path: '' },
]

const lastPart = (name: string) => name.slice(name.lastIndexOf('.') + 1)

async function poolingOf(folder: Folder, path: string, from: string): Promise<EmbeddingSpec['pooling']> {
  const config = await readConfig(folder, path, z.nullable(poolingConfig), null)
  if (!config) return 'mean'
  const on = Object.entries(config).flatMap(([name, value]) =>
    value === true && name.startsWith('pooling_mode_') ? [name] : [],
  )
  const known = Object.entries(poolingNames).find(([name]) => name === on[0])
  if (on.length === 1 && known) return known[1]
  throw new SpillwayError('not_supported', `${path} of ${from} has a pooling that is not supported`, {
    expected: `one of ${Object.keys(poolingNames).join(', ')}`,
    got: on.join(' and ') || 'none',
  })
}

async function denseOf(
  folder: Folder,
  path: string,
  from: string,
): Promise<NonNullable<EmbeddingSpec['dense']>[number]> {
  const config = await readConfig(folder, `${path}/config.json`, denseConfig)
  const { in_features, out_features, bias, activation_function } = config
  // The default of sentence-transformers.
  const activation = activations[lastPart(activation_function ?? 'Tanh')]
  const weights = `${path}/model.safetensors`
  if (!activation || !folder.sizes.has(weights)) {
    throw new SpillwayError('not_supported', `The module ${path} (Dense) of ${from} is not supported`, {
      expected: activation
        ? `its weights in ${weights}`
        : `an activation of ${anyOf(Object.keys(activations))}`,
      got: activation ? 'no such file' : showValue(activation_function),
    })
  }
  return {
    file: await folder.spec(weights),
    inputs: in_features,
    outputs: out_features,
    bias: bias ?? true,
    activation,
  }
}

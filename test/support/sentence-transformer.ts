import type { EmbeddingSpec } from '../../models/core/language.ts'
import type { TestRepository } from './hub.ts'
import { safetensors } from './safetensors.ts'
import { type EncoderShape, textEncoder } from './text-encoder.ts'
import { type MadeUpLanguage, makeLanguage } from './word-pieces.ts'

export interface SentenceTransformer {
  readonly language: MadeUpLanguage
  readonly repository: TestRepository
}

export interface SentenceTransformerParts extends Omit<EncoderShape, 'vocabulary'> {
  readonly words: number
  readonly pooling?: EmbeddingSpec['pooling']
  readonly normalize?: boolean
  /** The size of the vectors after a module Dense with the activation Tanh; without one they keep their width. */
  readonly dense?: number
}

const json = (value: unknown) => JSON.stringify(value, null, 2)

/** An embedding model of random weights in the layout of sentence-transformers on the hub. */
export function sentenceTransformer(parts: SentenceTransformerParts): SentenceTransformer {
  const { words, pooling = 'mean', normalize = true, dense, width, heads, layers, context } = parts
  const language = makeLanguage(words)
  const modules = ['Transformer', 'Pooling', ...(dense ? ['Dense'] : []), ...(normalize ? ['Normalize'] : [])]
  return {
    language,
    repository: {
      license: 'mit',
      pipeline: 'sentence-similarity',
      files: {
        'config.json': json({
          architectures: ['BertModel'],
          model_type: 'bert',
          hidden_act: 'gelu',
          hidden_size: width,
          intermediate_size: 4 * width,
          layer_norm_eps: 1e-12,
          max_position_embeddings: context,
          num_attention_heads: heads,
          num_hidden_layers: layers,
          pad_token_id: 0,
          type_vocab_size: 2,
          vocab_size: language.vocabulary,
        }),
        'modules.json': json(
          modules.map((name, idx) => ({
            idx,
            name: `${idx}`,
            path: idx === 0 ? '' : `${idx}_${name}`,
            type: `sentence_transformers.models.${name}`,
          })),
        ),
        'sentence_bert_config.json': json({ max_seq_length: context, do_lower_case: false }),
        '1_Pooling/config.json': json({
          word_embedding_dimension: width,
          pooling_mode_cls_token: pooling === 'cls',
          pooling_mode_mean_tokens: pooling === 'mean',
          pooling_mode_max_tokens: pooling === 'max',
          pooling_mode_mean_sqrt_len_tokens: pooling === 'mean_sqrt_len',
          pooling_mode_weightedmean_tokens: pooling === 'weighted_mean',
          pooling_mode_lasttoken: pooling === 'last',
        }),
        ...(dense ? denseModule(width, dense) : {}),
        'tokenizer.json': JSON.stringify(language.tokenizer),
        'tokenizer_config.json': json({
          tokenizer_class: 'BertTokenizer',
          model_max_length: context,
          do_lower_case: true,
          pad_token: '[PAD]',
          unk_token: '[UNK]',
          cls_token: '[CLS]',
          sep_token: '[SEP]',
          mask_token: '[MASK]',
        }),
        'onnx/model.onnx': textEncoder({ vocabulary: language.vocabulary, width, heads, layers, context }),
      },
    },
  }
}

/** A matrix that a test can compute again: `(row + 1) / (column + 2)`, and the bias `row / 10`. */
export const denseWeight = (row: number, column: number) => (row + 1) / (column + 2)
export const denseBias = (row: number) => row / 10

const denseModule = (inputs: number, outputs: number) => ({
  '2_Dense/config.json': json({
    in_features: inputs,
    out_features: outputs,
    bias: true,
    activation_function: 'torch.nn.modules.activation.Tanh',
  }),
  '2_Dense/model.safetensors': safetensors({
    'linear.weight': {
      shape: [outputs, inputs],
      data: Array.from({ length: outputs * inputs }, (_, at) =>
        denseWeight(Math.floor(at / inputs), at % inputs),
      ),
    },
    'linear.bias': { shape: [outputs], data: Array.from({ length: outputs }, (_, row) => denseBias(row)) },
  }),
})

import type { TestRepository } from './hub.ts'
import { type EncoderShape, textEncoder } from './text-encoder.ts'
import { type MadeUpLanguage, makeLanguage } from './word-pieces.ts'

export interface SentenceTransformer {
  readonly language: MadeUpLanguage
  readonly repository: TestRepository
}

export interface SentenceTransformerParts extends Omit<EncoderShape, 'vocabulary'> {
  readonly words: number
  readonly pooling?: 'mean' | 'cls' | 'last'
  readonly normalize?: boolean
}

const json = (value: unknown) => JSON.stringify(value, null, 2)

/** An embedding model of random weights in the layout of sentence-transformers on the hub. */
export function sentenceTransformer(parts: SentenceTransformerParts): SentenceTransformer {
  const { words, pooling = 'mean', normalize = true, width, heads, layers, context } = parts
  const language = makeLanguage(words)
  const modules = ['Transformer', 'Pooling', ...(normalize ? ['Normalize'] : [])]
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
          pooling_mode_max_tokens: false,
          pooling_mode_lasttoken: pooling === 'last',
        }),
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

import { encode, modelProto, type Parts } from '../tools/support/build.ts'
import type { TestRepository } from './hub.ts'
import { makeLanguage } from './word-pieces.ts'

export const language = makeLanguage(200)
const json = (content: unknown) => JSON.stringify(content)

export const labels = (names: readonly string[]) => ({
  id2label: Object.fromEntries(names.map((name, id) => [id, name])),
  label2id: Object.fromEntries(names.map((name, id) => [name, id])),
})

interface RepositoryParts {
  readonly graph: Parts
  readonly config: object
  readonly preprocessor?: object
  readonly isText?: boolean
}

/** A repository in the hub's layout, with a graph of a few nodes and random weights. */
export const repository = ({
  graph,
  config,
  preprocessor,
  isText = false,
}: RepositoryParts): TestRepository => ({
  license: 'mit',
  files: {
    'config.json': json(config),
    ...(preprocessor && { 'preprocessor_config.json': json(preprocessor) }),
    ...(isText && {
      'tokenizer.json': json(language.tokenizer),
      'tokenizer_config.json': json({
        tokenizer_class: 'BertTokenizer',
        model_max_length: 64,
        pad_token: '[PAD]',
        unk_token: '[UNK]',
        cls_token: '[CLS]',
        sep_token: '[SEP]',
        mask_token: '[MASK]',
      }),
    }),
    'onnx/model.onnx': encode(modelProto(graph)),
  },
})

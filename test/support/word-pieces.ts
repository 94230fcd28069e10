import { randomFrom } from '../../models/tools/run-model/random-samples.ts'

const special = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]']
const letters = [...'abcdefghijklmnopqrstuvwxyz']
const syllables = [...'bdfghklmnprstvwz'].flatMap((consonant) =>
  [...'aeiou'].map((vowel) => consonant + vowel),
)

/** Made-up words, most of which are one token. */
export interface MadeUpLanguage {
  /** A BERT's `tokenizer.json`: WordPiece, lower case, `[CLS]` and `[SEP]` around a text. */
  readonly tokenizer: object
  readonly vocabulary: number
  /** Texts of the given numbers of words, the same for the same seed. */
  texts(lengths: readonly number[], seed: number): string[]
}

/** @param words The number of whole words in the vocabulary, besides the letters and syllables for other words. */
export function makeLanguage(words: number): MadeUpLanguage {
  const random = randomFrom(3)
  const below = (bound: number, { uniform } = random) => Math.floor(uniform() * bound)
  const word = (source = random) =>
    Array.from({ length: 2 + below(3, source) }, () => syllables[below(syllables.length, source)]).join('')
  const whole = new Set<string>()
  while (whole.size < words) whole.add(word())
  const known = [...whole]
  const parts = [...letters, ...syllables]
  const pieces = [...special, ...',.', ...parts, ...parts.map((part) => `##${part}`), ...known]
  const vocab = Object.fromEntries(pieces.map((piece, id) => [piece, id]))
  return {
    vocabulary: pieces.length,
    tokenizer: tokenizerOf(vocab),
    texts: (lengths, seed) => {
      const source = randomFrom(seed)
      const next = () => (source.uniform() < 0.9 ? known[below(known.length, source)] : word(source))
      return lengths.map((length) => `${Array.from({ length }, next).join(' ')}.`)
    },
  }
}

function tokenizerOf(vocab: Readonly<Record<string, number>>): object {
  const token = (id: string) => ({ SpecialToken: { id, type_id: 0 } })
  const named = (id: string) => ({ id, ids: [vocab[id]], tokens: [id] })
  const single = [token('[CLS]'), { Sequence: { id: 'A', type_id: 0 } }, token('[SEP]')]
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: special.map((content) => ({
      id: vocab[content],
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: {
      type: 'BertNormalizer',
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: null,
      lowercase: true,
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: {
      type: 'TemplateProcessing',
      single,
      pair: [...single, { Sequence: { id: 'B', type_id: 1 } }, { SpecialToken: { id: '[SEP]', type_id: 1 } }],
      special_tokens: { '[CLS]': named('[CLS]'), '[SEP]': named('[SEP]') },
    },
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: '[UNK]',
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab,
    },
  }
}

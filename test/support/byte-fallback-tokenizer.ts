import { readTokenizer } from '../../workers/host/text/tokenizer/tokenizer.ts'

const utf8 = new TextEncoder()

/** The files of a tokenizer by name; objects become JSON. */
export const tokenizerFiles = (files: Record<string, unknown>) =>
  new Map(
    Object.entries(files).map(([name, content]) => [
      name,
      utf8.encode(typeof content === 'string' ? content : JSON.stringify(content)),
    ]),
  )

/** Byte fallback, and ▁ before words, as in the tokenizers of Llama and Gemma. */
export const byteFallbackFile = {
  added_tokens: [{ id: 0, content: '<s>', special: true, normalized: false }],
  normalizer: {
    type: 'Sequence',
    normalizers: [
      { type: 'Prepend', prepend: '▁' },
      { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
    ],
  },
  pre_tokenizer: null,
  post_processor: null,
  decoder: {
    type: 'Sequence',
    decoders: [
      { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
      { type: 'ByteFallback' },
      { type: 'Fuse' },
      { type: 'Strip', content: ' ', start: 1, stop: 0 },
    ],
  },
  model: {
    type: 'BPE',
    unk_token: '<s>',
    byte_fallback: true,
    fuse_unk: true,
    vocab: Object.fromEntries(
      [
        '<s>',
        ...Array.from(
          { length: 256 },
          (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`,
        ),
        '▁',
        'a',
        'b',
        '▁a',
      ].map((piece, id) => [piece, id]),
    ),
    merges: ['▁ a'],
  },
}

export const createByteFallbackTokenizer = (config: object = {}) =>
  readTokenizer(tokenizerFiles({ 'tokenizer.json': byteFallbackFile, 'tokenizer_config.json': config }), [0])

import { byteLetters } from '../../../../models/core/byte-letters.ts'

/**
 * A `tokenizer.json` with as many pieces as a model has tokens. Each byte of a text is a token of its own, because nothing
 * is merged; the other pieces occur in no text.
 */
export function tokenizerOf(vocabulary: number): object {
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: false }
  const pieces = Array.from({ length: vocabulary }, (_, id) => byteLetters[id] ?? `~${id.toString(16)}~`)
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: [],
    normalizer: null,
    pre_tokenizer: byteLevel,
    post_processor: null,
    decoder: byteLevel,
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      vocab: Object.fromEntries(pieces.map((piece, id) => [piece, id])),
      merges: [],
    },
  }
}

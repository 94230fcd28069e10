import fc from 'fast-check'
import type { Tokenizer } from '../../workers/host/text/types.ts'

/** The pieces of a stream. The last one was held back. */
export function streamed(
  tokenizer: Tokenizer,
  tokens: readonly number[],
  before?: readonly number[],
): string[] {
  const decoder = tokenizer.streamDecoder(before)
  return [...tokens.map((token) => decoder.push(token)), decoder.end()]
}

/** Arbitrary texts, of any script or of ASCII. */
export const texts = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 60 }),
  fc.string({ unit: 'grapheme-ascii', maxLength: 60 }),
)
export const hasLoneSurrogate = (text: string) => /\p{Surrogate}/u.test(text)

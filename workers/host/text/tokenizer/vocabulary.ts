import { byteLetters } from '../../../../models/core/byte-letters.ts'
import { markerTokens } from '../parts/chat-parts.ts'
import type { Tokenizer } from '../types.ts'

/** Tokens that are written without a pause: a few milliseconds' work. */
const slice = 4_096

const written = new WeakMap<Tokenizer, Promise<string>>()

/**
 * The bytes of all tokens, one token a line, each byte as the letter that GPT-2's vocabulary has for it. Special tokens
 * that mark no part of an answer are empty lines: no text has them. It is written once, in slices: the thread answers others between them.
 *
 * @param size Number of tokens that the model has logits for.
 * @throws SpillwayError `not_supported` where the tokenizer cannot decode token by token.
 */
export function vocabularyOf(tokenizer: Tokenizer, size: number): Promise<string> {
  let vocabulary = written.get(tokenizer)
  if (!vocabulary) {
    vocabulary = write(tokenizer, size)
    written.set(tokenizer, vocabulary)
    vocabulary.catch(() => written.delete(tokenizer))
  }
  return vocabulary
}

async function write(tokenizer: Tokenizer, size: number): Promise<string> {
  const lines: string[] = []
  const markers = new Set(markerTokens(tokenizer))
  for (let token = 0; token < size; token++) {
    if (token > 0 && token % slice === 0) await new Promise((resolve) => setTimeout(resolve, 0))
    const bytes = tokenizer.isSpecial(token) && !markers.has(token) ? [] : tokenizer.bytesOf(token)
    lines.push(bytes.map((byte) => byteLetters[byte]).join(''))
  }
  return lines.join('\n')
}

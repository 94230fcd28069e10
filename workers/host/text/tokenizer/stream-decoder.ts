import type { StreamDecoder } from '../types.ts'
import type { Pieces } from './pieces.ts'

/**
 * Decodes token by token, each at the cost of its own bytes. The platform's decoder holds back incomplete characters.
 *
 * @param bytesOf The bytes of a token; empty for tokens that are not shown.
 * @param isStart Whether a text starts here: then the characters that the tokenizer puts before it are dropped.
 */
export function createStreamDecoder(
  bytesOf: (token: number) => Uint8Array,
  { character, count }: Pieces['lead'],
  isStart: boolean,
): StreamDecoder {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  let left = isStart ? count : 0
  const withoutLead = (text: string): string => {
    let dropped = 0
    while (left > 0 && text.startsWith(character, dropped)) {
      dropped += character.length
      left--
    }
    if (dropped < text.length) left = 0
    return text.slice(dropped)
  }
  return {
    push: (token) => withoutLead(decoder.decode(bytesOf(token), { stream: true })),
    end: () => withoutLead(decoder.decode()),
  }
}

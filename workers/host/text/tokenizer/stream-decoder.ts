import type { StreamDecoder } from '../types.ts'
import type { Pieces } from './pieces.ts'

/**
 * Each token costs what its own bytes do. The platform's decoder holds back a character whose bytes are not all there.
 *
 * @param bytesOf Of a token; none of one that is not shown.
 * @param begins Whether a text begins here, and loses what a tokenizer puts before it.
 */
export function createStreamDecoder(
  bytesOf: (token: number) => Uint8Array,
  { character, count }: Pieces['lead'],
  begins: boolean,
): StreamDecoder {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  let left = begins ? count : 0
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

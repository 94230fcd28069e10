import { byteLetters } from '../../../models/core/byte-letters.ts'
import { countBits, tokensIn } from './token-mask.ts'

const utf8 = new TextEncoder()

/** A format leads somewhere where it allows a few spellings of one text; more tokens than so many are a choice. */
const mostSpellings = 64

/**
 * The token that a format leads to: the only one allowed, or else the longest within the text that has to come. Not the
 * one that ends with it: longer ones go on from there.
 *
 * @param mask The tokens that are allowed.
 * @param pieces The bytes of each token, as `vocabularyOf` writes them.
 * @param text What has to come, in whichever tokens; empty where that is open.
 */
export function forcedToken(mask: Int32Array, pieces: readonly string[], text: string): number | undefined {
  const count = countBits(mask, mostSpellings)
  if (count === 1) return tokensIn(mask).next().value
  if (count > mostSpellings || text === '') return undefined
  const letters = Array.from(utf8.encode(text), (byte) => byteLetters[byte]).join('')
  let longest: number | undefined
  for (const token of tokensIn(mask)) {
    const piece = pieces[token] ?? ''
    const isWithin = piece.length < letters.length && letters.startsWith(piece)
    if (isWithin && piece.length > (pieces[longest ?? -1]?.length ?? 0)) longest = token
  }
  return longest
}

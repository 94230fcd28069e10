import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createTextAssembler } from '../../../workers/host/text/tokenizer/assembler.ts'
import { createByteFallbackTokenizer } from '../../support/byte-fallback-tokenizer.ts'
import { hasLoneSurrogate } from '../../support/streamed-text.ts'

describe('stop strings', () => {
  const tokenizer = createByteFallbackTokenizer()
  const assembled = (text: string, stops: readonly string[]) => {
    const assembler = createTextAssembler(tokenizer, stops)
    const pieces: string[] = []
    for (const token of tokenizer.encode(text, false)) {
      pieces.push(assembler.push(token))
      if (assembler.stopped) break
    }
    return { text: pieces.join('') + assembler.end(), pieces, stopped: assembler.stopped }
  }

  test('end the text before the first match, however the text is divided into tokens', () => {
    const small = fc.string({ unit: fc.constantFrom('a', 'b', ' ', 'é', '😀'), maxLength: 30 })
    const stop = fc.string({ unit: fc.constantFrom('a', 'b', ' ', 'é', '😀'), minLength: 1, maxLength: 4 })
    fc.assert(
      fc.property(small, fc.array(stop, { maxLength: 3 }), (text, stops) => {
        const ends = stops
          .map((one) => ({ at: text.indexOf(one), end: text.indexOf(one) + one.length }))
          .filter(({ at }) => at >= 0)
        const end = Math.min(...ends.map((one) => one.end))
        const at = Math.min(...ends.filter((one) => one.end === end).map((one) => one.at))
        const result = assembled(text, stops)
        expect(result.stopped).toBe(ends.length > 0)
        expect(result.text).toBe(ends.length > 0 ? text.slice(0, at) : text)
        // No piece ends in half a character.
        expect(result.pieces.some(hasLoneSurrogate)).toBe(false)
      }),
      { numRuns: 2000 },
    )
  })

  test('hold back only text that may become one', () => {
    expect(assembled('ab b', [' b']).pieces).toEqual(['a', 'b', '', ''])
    expect(assembled('aaab', ['aab'])).toMatchObject({ text: 'a', stopped: true })
  })

  test('cost one comparison a character, however long they are', () => {
    const stop = 'a'.repeat(100_000)
    const text = 'a'.repeat(99_999)
    expect(assembled(`${text}b`, [stop])).toMatchObject({ text: `${text}b`, stopped: false })
  })

  test('must not be empty', () => {
    expect(() => createTextAssembler(tokenizer, ['x', ''])).toThrow(
      expect.objectContaining({ code: 'input_value_invalid' }),
    )
  })
})

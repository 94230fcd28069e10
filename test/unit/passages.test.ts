import { describe, expect, test } from 'vitest'
import { splitPassages } from '../../web/search/split.ts'

const words = (count: number) => Array.from({ length: count }, (_, index) => `w${index}`).join(' ')

describe('a text is split into passages', () => {
  test('of whole sentences, over short paragraphs', () => {
    expect(splitPassages(`${words(40)}. ${words(30)}!\n\nShort.\n\nEnd`)).toEqual([
      `${words(40)}. ${words(30)}!`,
      'Short. End',
    ])
    expect(splitPassages(' \n\n ')).toEqual([])
  })

  test('between words where a sentence is very long, and within a word of any length', () => {
    const passages = splitPassages(words(2_000))
    expect(passages.join(' ')).toBe(words(2_000))
    expect(Math.max(...passages.map(({ length }) => length))).toBeLessThanOrEqual(1_000)
    expect(splitPassages('x'.repeat(2_500)).map(({ length }) => length)).toEqual([1_000, 1_000, 500])
  })
})

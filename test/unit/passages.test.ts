import { describe, expect, test } from 'vitest'
import { splitPassages } from '../../web/search/split.ts'
import { readTextFile } from '../../web/search/text-file.ts'

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

describe('a text file is read', () => {
  const read = (bytes: readonly number[], maxBytes = 100) =>
    readTextFile(new Blob([Uint8Array.from(bytes)]), maxBytes)

  test('as UTF-8, or as UTF-16 where it says so', async () => {
    expect(await read([...new TextEncoder().encode('\ufeffÄ fox')])).toBe('Ä fox')
    expect(await read([0xff, 0xfe, 0x41, 0, 0x42, 0])).toBe('AB')
    expect(await read([0xfe, 0xff, 0, 0x41])).toBe('A')
    expect(await read([])).toBe('')
  })

  test.each([
    ['is in another encoding', [0x46, 0xfc, 0x72], 'The file is no text'],
    ['has bytes of zero', [0x41, 0, 0x42], 'The file is no text'],
    ['is too large', Array.from({ length: 101 }, () => 0x41), 'The file is too large to search here'],
  ])('and refused where it %s', async (_why, bytes, message) => {
    await expect(read(bytes)).rejects.toMatchObject({
      code: 'input_value_invalid',
      message: expect.stringContaining(message),
    })
  })
})

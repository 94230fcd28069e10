import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readTokenizer } from '../../../workers/host/text/tokenizer/tokenizer.ts'
import {
  byteFallbackFile,
  createByteFallbackTokenizer,
  tokenizerFiles,
} from '../../support/byte-fallback-tokenizer.ts'
import { hasLoneSurrogate, streamed, texts } from '../../support/streamed-text.ts'

describe('a tokenizer with byte fallback', () => {
  const tokenizer = createByteFallbackTokenizer()

  test('streams the text that was encoded, never half a character', () => {
    fc.assert(
      fc.property(texts, (text) => {
        const tokens = tokenizer.encode(text, false)
        const pieces = streamed(tokenizer, tokens)
        expect(pieces.join('')).toBe(text.replaceAll('▁', ' '))
        expect(pieces.some((piece) => piece.includes('\u{fffd}') || hasLoneSurrogate(piece))).toBe(
          text.includes('\u{fffd}'),
        )
        expect(tokenizer.decode(tokens)).toBe(pieces.join(''))
      }),
    )
  })

  test('decodes any tokens, and invalid bytes as replacement characters', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(300)), (tokens) => {
        expect(streamed(tokenizer, tokens).join('')).toBe(tokenizer.decode(tokens))
      }),
    )
    const [half] = tokenizer.encode('é', false).slice(-1)
    expect(tokenizer.decode([half ?? 0, 258])).toBe('\u{fffd}a')
  })

  test('drops the first space of a text, and keeps it where the text continues', () => {
    const tokens = tokenizer.encode('a', false)
    expect(tokenizer.decode([0, ...tokens])).toBe('a')
    expect(streamed(tokenizer, tokens, [0]).join('')).toBe('a')
    expect(streamed(tokenizer, tokens, [0, ...tokens]).join('')).toBe(' a')
  })

  test('names special tokens, and returns the bytes of half a character', () => {
    expect(tokenizer.textOf(0)).toBe('<s>')
    expect(tokenizer.textOf(260)).toBe(' a')
    expect(tokenizer.bytesOf(1 + 0xc3)).toEqual([0xc3])
    expect(tokenizer.bytesOf(9999)).toEqual([])
  })
})

describe("bard's tokenizer", () => {
  const folder = new URL('../../../models/catalogue/bard/', import.meta.url)
  const files = new Map(
    ['tokenizer.json', 'tokenizer_config.json'].map((name) => [name, readFileSync(new URL(name, folder))]),
  )
  const tokenizer = readTokenizer(files, [0])

  test('round-trips any text, though it was trained on tales only', () => {
    fc.assert(
      fc.property(texts, (text) => {
        const tokens = tokenizer.encode(text, true)
        expect(tokens[0]).toBe(0)
        expect(streamed(tokenizer, tokens).join('')).toBe(text)
      }),
    )
  })

  test('has pieces for the words of tales', () => {
    const text = 'Once upon a time there was a king'
    expect(tokenizer.encode(text, false).map(tokenizer.textOf)).toEqual([
      'Once',
      ' upon',
      ' a',
      ' time',
      ' there',
      ' was',
      ' a',
      ' king',
    ])
    expect(tokenizer.chat([{ role: 'user', content: text }])).toEqual(tokenizer.encode(text, true))
  })
})

describe('invalid files', () => {
  test.each([
    ['no files', {}, 'file_missing'],
    ['an HTML page', { 'tokenizer.json': '<html>' }, 'model_invalid'],
    ['a list', { 'tokenizer.json': [] }, 'model_invalid'],
    ['an empty object', { 'tokenizer.json': {} }, 'model_invalid'],
    [
      'an unknown model type',
      { 'tokenizer.json': { ...byteFallbackFile, model: { type: 'Tarot' } } },
      'model_invalid',
    ],
    [
      'a bad configuration',
      { 'tokenizer.json': byteFallbackFile, 'tokenizer_config.json': { bos_token: 3 } },
      'model_invalid',
    ],
  ])('are refused: %s', (_, files, code) => {
    expect(() => readTokenizer(tokenizerFiles(files), [])).toThrow(expect.objectContaining({ code }))
  })

  test('with a decoder that cannot stream still encode', () => {
    const files = tokenizerFiles({ 'tokenizer.json': { ...byteFallbackFile, decoder: { type: 'CTC' } } })
    const tokenizer = readTokenizer(files, [])
    expect(tokenizer.encode('a', false)).toEqual([260])
    expect(() => tokenizer.streamDecoder()).toThrow(expect.objectContaining({ code: 'not_supported' }))
  })
})

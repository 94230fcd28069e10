import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Tokenizer as HubTokenizer } from '@huggingface/tokenizers'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { convertLlama2cTokenizer } from '../../../models/tools/import/llama2c/tokenizer.ts'
import { createTextAssembler } from '../../../workers/host/text/tokenizer/assembler.ts'
import { readTokenizer } from '../../../workers/host/text/tokenizer/tokenizer.ts'
import type { Tokenizer } from '../../../workers/host/text/types.ts'
import { testModels, withoutTestModels } from '../../support/test-models.ts'

const utf8 = new TextEncoder()
const filesOf = (files: Record<string, unknown>) =>
  new Map(
    Object.entries(files).map(([name, content]) => [
      name,
      utf8.encode(typeof content === 'string' ? content : JSON.stringify(content)),
    ]),
  )

/** Byte fallback, and ▁ before words, as in the tokenizers of Llama and Gemma. */
const fallback = {
  added_tokens: [{ id: 0, content: '<s>', special: true, normalized: false }],
  normalizer: {
    type: 'Sequence',
    normalizers: [
      { type: 'Prepend', prepend: '▁' },
      { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
    ],
  },
  pre_tokenizer: null,
  post_processor: null,
  decoder: {
    type: 'Sequence',
    decoders: [
      { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
      { type: 'ByteFallback' },
      { type: 'Fuse' },
      { type: 'Strip', content: ' ', start: 1, stop: 0 },
    ],
  },
  model: {
    type: 'BPE',
    unk_token: '<s>',
    byte_fallback: true,
    fuse_unk: true,
    vocab: Object.fromEntries(
      [
        '<s>',
        ...Array.from(
          { length: 256 },
          (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`,
        ),
        '▁',
        'a',
        'b',
        '▁a',
      ].map((piece, id) => [piece, id]),
    ),
    merges: ['▁ a'],
  },
}
const fallbackTokenizer = (config: object = {}) =>
  readTokenizer(filesOf({ 'tokenizer.json': fallback, 'tokenizer_config.json': config }), [0])

/** The pieces of a stream. The last one was held back. */
function streamed(tokenizer: Tokenizer, tokens: readonly number[], before?: readonly number[]): string[] {
  const decoder = tokenizer.streamDecoder(before)
  return [...tokens.map((token) => decoder.push(token)), decoder.end()]
}

const texts = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 60 }),
  fc.string({ unit: 'grapheme-ascii', maxLength: 60 }),
)
const hasLoneSurrogate = (text: string) => /\p{Surrogate}/u.test(text)

describe('a tokenizer with byte fallback', () => {
  const tokenizer = fallbackTokenizer()

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

describe('stop strings', () => {
  const tokenizer = fallbackTokenizer()
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

describe('a chat', () => {
  const messages = [{ role: 'user', content: 'ab' }] as const
  const withTemplate = (chat_template: unknown) =>
    fallbackTokenizer({ chat_template, bos_token: { content: '<s>' } })

  test.each([
    ['one template', "{{ bos_token }}{% for m in messages %}{{ m['content'] }}{% endfor %}"],
    [
      'templates by name',
      [
        { name: 'tool_use', template: '-' },
        { name: 'default', template: '{{ bos_token }}{{ messages[0].content }}' },
      ],
    ],
  ])('is rendered by %s', (_, template) => {
    const tokenizer = withTemplate(template)
    expect(tokenizer.chat(messages)).toEqual([0, ...tokenizer.encode('ab', false)])
  })

  test('is rendered by chat_template.jinja in preference to the configuration', () => {
    const files = filesOf({
      'tokenizer.json': fallback,
      'tokenizer_config.json': { chat_template: 'old' },
      'chat_template.jinja': '{% if add_generation_prompt %}{{ messages[0].content }}{% endif %}',
    })
    const tokenizer = readTokenizer(files, [])
    expect(tokenizer.chat(messages)).toEqual(tokenizer.encode('ab', false))
  })

  test.each([
    [
      'rejects the messages',
      "{{ raise_exception('Roles must alternate') }}",
      'request_malformed',
      'alternate',
    ],
    ['calls an undefined function', '{{ nothing.at.all() }}', 'request_malformed', 'template'],
    ['is not valid', '{% for %}', 'model_invalid', 'Jinja'],
    ['is missing', undefined, 'not_supported', 'Pass a prompt'],
  ])('fails clearly where the template %s', (_, template, code, message) => {
    const chat = () => withTemplate(template).chat(messages)
    expect(chat).toThrow(expect.objectContaining({ code }))
    expect(chat).toThrow(message)
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
      { 'tokenizer.json': { ...fallback, model: { type: 'Tarot' } } },
      'model_invalid',
    ],
    [
      'a bad configuration',
      { 'tokenizer.json': fallback, 'tokenizer_config.json': { bos_token: 3 } },
      'model_invalid',
    ],
  ])('are refused: %s', (_, files, code) => {
    expect(() => readTokenizer(filesOf(files), [])).toThrow(expect.objectContaining({ code }))
  })

  test('with a decoder that cannot stream still encode', () => {
    const files = filesOf({ 'tokenizer.json': { ...fallback, decoder: { type: 'CTC' } } })
    const tokenizer = readTokenizer(files, [])
    expect(tokenizer.encode('a', false)).toEqual([260])
    expect(() => tokenizer.streamDecoder()).toThrow(expect.objectContaining({ code: 'not_supported' }))
  })
})

describe.skipIf(withoutTestModels)(
  `published tokenizers${withoutTestModels ? `: ${withoutTestModels}` : ''}`,
  () => {
    const read = (...path: string[]) => readFileSync(join(testModels ?? '', ...path))
    const smollm = () =>
      filesOf({ 'tokenizer.json': read('tokenizers', 'smollm', 'tokenizer.json').toString() })
    const minilm = () =>
      new Map(
        ['tokenizer.json', 'tokenizer_config.json'].map((name) => [name, read('tokenizers', 'minilm', name)]),
      )
    const stories = () => {
      const { tokenizer, config } = convertLlama2cTokenizer(
        join(testModels ?? '', 'stories260k', 'tok512.bin'),
        512,
      )
      return filesOf({ 'tokenizer.json': tokenizer, 'tokenizer_config.json': config })
    }

    test.each([
      ['smollm', smollm],
      ['stories260k', stories],
    ])('%s: streams the text that was encoded', (_, files) => {
      const tokenizer = readTokenizer(files(), [])
      fc.assert(
        fc.property(texts, (text) => {
          const pieces = streamed(tokenizer, tokenizer.encode(text, false))
          expect(pieces.join('')).toBe(text)
          expect(pieces.some(hasLoneSurrogate)).toBe(false)
        }),
        { numRuns: 300 },
      )
    })

    test('smollm: decodes any tokens as the library does', () => {
      const files = smollm()
      const tokenizer = readTokenizer(files, [])
      const hub = new HubTokenizer(JSON.parse(new TextDecoder().decode(files.get('tokenizer.json'))), {})
      const options = { skip_special_tokens: true, clean_up_tokenization_spaces: false }
      fc.assert(
        fc.property(fc.array(fc.nat(49_151), { minLength: 1 }), (tokens) => {
          expect(streamed(tokenizer, tokens).join('')).toBe(hub.decode(tokens, options))
        }),
        { numRuns: 300 },
      )
    })

    test('stories260k: has the tokens and texts of the reference', () => {
      const tokenizer = readTokenizer(stories(), [])
      const reference = JSON.parse(read('stories260k', 'reference.json').toString())
      const tokens: number[] = reference.token_ids
      expect(tokenizer.encode('', true)).toEqual([1])
      expect(tokenizer.decode(tokens)).toBe(reference.expected_text)
      expect(tokenizer.encode(reference.expected_text, true).slice(0, 40)).toEqual(tokens.slice(0, 40))
    })

    test('minilm: decodes words, word parts and punctuation', () => {
      const tokenizer = readTokenizer(minilm(), [])
      const tokens = tokenizer.encode('Unbelievable tokenizers, yes!', true)
      expect(tokens.at(0)).toBe(101)
      expect(tokens.at(-1)).toBe(102)
      expect(tokenizer.decode(tokens)).toBe('unbelievable tokenizers, yes!')
      expect(tokenizer.textOf(101)).toBe('[CLS]')
    })
  },
)

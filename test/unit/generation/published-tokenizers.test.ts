import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Tokenizer as HubTokenizer } from '@huggingface/tokenizers'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { convertLlama2cTokenizer } from '../../../models/tools/import/llama2c/tokenizer.ts'
import { readTokenizer } from '../../../workers/host/text/tokenizer/tokenizer.ts'
import { tokenizerFiles } from '../../support/byte-fallback-tokenizer.ts'
import { hasLoneSurrogate, streamed, texts } from '../../support/streamed-text.ts'
import { testModels, withoutTestModels } from '../../support/test-models.ts'

describe.skipIf(withoutTestModels)(
  `published tokenizers${withoutTestModels ? `: ${withoutTestModels}` : ''}`,
  () => {
    const read = (...path: string[]) => readFileSync(join(testModels ?? '', ...path))
    const smollm = () =>
      tokenizerFiles({ 'tokenizer.json': read('tokenizers', 'smollm', 'tokenizer.json').toString() })
    const minilm = () =>
      new Map(
        ['tokenizer.json', 'tokenizer_config.json'].map((name) => [name, read('tokenizers', 'minilm', name)]),
      )
    const stories = () => {
      const { tokenizer, config } = convertLlama2cTokenizer(
        join(testModels ?? '', 'stories260k', 'tok512.bin'),
        512,
      )
      return tokenizerFiles({ 'tokenizer.json': tokenizer, 'tokenizer_config.json': config })
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

import { expect, test } from 'vitest'
import { errorStatus, isErrorCode } from '../../models/core/error.ts'
import { errorWords } from '../../web/view/error-words.ts'
import { bytes, countOf, sentence } from '../../web/view/words.ts'

test('one of a thing is singular', () => {
  expect([0, 1, 2].map((count) => countOf(count, 'token'))).toEqual(['0 tokens', '1 token', '2 tokens'])
  expect([1, 999, 1000].map(bytes)).toEqual(['1 byte', '999 bytes', '1.0 kB'])
})

test('a sentence gets one full stop', () => {
  expect([sentence('It failed'), sentence('It failed.')]).toEqual(['It failed.', 'It failed.'])
})

test('every error has one sentence for visitors, without terms for developers', () => {
  for (const code of Object.keys(errorStatus).filter(isErrorCode)) {
    expect(sentence(errorWords(code))).toMatch(/^[A-Z][^.]+\.( [A-Z][^.]+\.)?$/)
    expect(errorWords(code)).not.toMatch(/JSON|status|\bexpected|SHA|manifest|\blane|_/)
  }
})

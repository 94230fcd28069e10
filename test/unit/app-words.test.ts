import { expect, test } from 'vitest'
import { SpillwayError } from '../../models/core/index.ts'
import { bytes, countOf, errorWords, sentence } from '../../web/app/words.ts'

test('one of a thing is singular', () => {
  expect([0, 1, 2].map((count) => countOf(count, 'token'))).toEqual(['0 tokens', '1 token', '2 tokens'])
  expect([1, 999, 1000].map(bytes)).toEqual(['1 byte', '999 bytes', '1.0 kB'])
})

test('a sentence gets one full stop', () => {
  expect([sentence('It failed'), sentence('It failed.')]).toEqual(['It failed.', 'It failed.'])
})

test('an error tells a visitor what to do, not the author of the page', () => {
  const detail = { expected: 'SIMD', hint: 'Give createRuntime a server.' }
  expect(errorWords(new SpillwayError('capacity_insufficient', 'The device cannot run it', detail))).toBe(
    'The device cannot run it: expected SIMD. Let it run on the server: choose Auto or Server.',
  )
  expect(errorWords(new SpillwayError('run_failed', 'The run failed.'))).toBe('The run failed.')
})

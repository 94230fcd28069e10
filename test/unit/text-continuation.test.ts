import { expect, test } from 'vitest'
import { Continuation } from '../../web/text/text-continuation.ts'
import { tokenizerOf } from '../support/scripted-tokenizer.ts'

test('a text that came without its tokens goes on with as many as are left, and counts them all', () => {
  const reader = { tokenizer: tokenizerOf(), contextLength: 200 }
  const text = new Continuation({ prompt: 'Once', maxTokens: 10, seed: 1 })
  for (const piece of [' the', 're']) text.add({ text: piece, tokens: [] })
  expect(text.nextRequest(reader)).toMatchObject({ generated: 6, maxTokens: 4 })
  for (const piece of [' ', 'w']) text.add({ text: piece, tokens: [{ token: piece.codePointAt(0) ?? 0 }] })
  expect(text.usage.generatedTokens).toBe(8)
  expect(text.nextRequest(reader)).toMatchObject({ generated: 8, maxTokens: 2 })
  for (const piece of ['a', 's']) text.add({ text: piece, tokens: [{ token: piece.codePointAt(0) ?? 0 }] })
  expect(text.usage.generatedTokens).toBe(10)
  expect(text.isDone).toBe(true)
})

test('the usage of the place that ends such a text is of its own part', () => {
  const reader = { tokenizer: tokenizerOf(), contextLength: 200 }
  const text = new Continuation({ prompt: 'Once', maxTokens: 10, seed: 1 })
  text.add({ text: ' there', tokens: [] })
  text.nextRequest(reader)
  text.add({ text: ' was', tokens: [] })
  text.add({
    text: '',
    tokens: [],
    finish: 'length',
    usage: { promptTokens: 10, generatedTokens: 4, cachedTokens: 0, reasoningTokens: 0 },
  })
  expect(text.usage.generatedTokens).toBe(10)
})

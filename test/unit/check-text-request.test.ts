import { expect, test } from 'vitest'
import { checkTextRequest } from '../../workers/host/text/check-request.ts'
import type { ChatMessage, TextRequest } from '../../workers/host/text/types.ts'

/** Checks a message as a page's plain JavaScript may pass it. */
const check = (message: unknown) => () => checkTextRequest({ messages: [message as ChatMessage] })

const call = { id: 'c1', type: 'function', function: { name: 'weather', arguments: '{}' } }

test.each<[string, object]>([
  ['a plain one', { role: 'user', content: 'a' }],
  ['one that calls tools', { role: 'assistant', content: '', tool_calls: [call] }],
  ['a tool’s result', { role: 'tool', content: 'calm', tool_call_id: 'c1', name: 'weather' }],
])('a message is taken: %s', (_, message) => {
  expect(check(message)).not.toThrow()
})

test.each<[string, unknown]>([
  ['no object', 'a'],
  ['an unknown role', { role: 'poet', content: 'a' }],
  ['content in parts', { role: 'user', content: [{ type: 'text', text: 'a' }] }],
  ['a field that nothing reads', { role: 'user', content: 'a', function_call: { name: 'f' } }],
  ['a name of an object', { role: 'constructor', content: 'a', toString: 'b' }],
  ['calls that are no list', { role: 'assistant', content: '', tool_calls: call }],
  [
    'a call whose arguments are an object',
    {
      role: 'assistant',
      content: '',
      tool_calls: [{ ...call, function: { name: 'weather', arguments: {} } }],
    },
  ],
])('a message is refused: %s', (_, message) => {
  expect(check(message)).toThrow(expect.objectContaining({ code: 'input_value_invalid' }))
})

test.each<[string, unknown]>([
  ['a list', [1]],
  ['a string', 'much'],
  ['null', null],
  ['a word as a bias', { 5: 'much' }],
])('a bias that is %s is refused', (_, logitBias) => {
  const request: unknown = { prompt: 'a', logitBias }
  expect(() => checkTextRequest(request as TextRequest)).toThrow(
    expect.objectContaining({ code: 'input_value_invalid' }),
  )
})

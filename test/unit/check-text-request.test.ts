import { expect, test } from 'vitest'
import { checkTextRequest } from '../../workers/host/text/check-request.ts'
import type { ChatMessage } from '../../workers/host/text/types.ts'

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

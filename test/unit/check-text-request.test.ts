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

test.each<[string, unknown]>([
  ['a list', [{ name: 'f' }]],
  ['a name in words', { 'a b': {} }],
  ['no name', { '': {} }],
  ['a tool that is no object', { f: 'f' }],
  ['a description that is no text', { f: { description: 5 } }],
  ['parameters in a list', { f: { parameters: [] } }],
  ['parameters that are no JSON', { f: { parameters: { a: () => 1 } } }],
  ['a word for strict', { f: { strict: 'yes' } }],
  ['a strict tool of no object', { f: { strict: true, parameters: { type: 'string' } } }],
  ['129 tools', Object.fromEntries(Array.from({ length: 129 }, (_, at) => [`f${at}`, {}]))],
])('tools are refused: %s', (_, tools) => {
  const request: unknown = { messages: [{ role: 'user', content: 'a' }], tools }
  expect(() => checkTextRequest(request as TextRequest)).toThrow(
    expect.objectContaining({ code: 'input_value_invalid' }),
  )
})

test.each<[string, object, string]>([
  ['another word', { toolChoice: 'any' }, 'toolChoice'],
  ['a name that is none', { toolChoice: { name: 5 } }, 'toolChoice'],
  ['the name of no tool', { toolChoice: { name: 'g' } }, 'toolChoice'],
  ['a call of none', { tools: {}, toolChoice: 'required' }, 'toolChoice'],
  [
    'a call that no schema can hold',
    { tools: { f: { parameters: { properties: { a: { not: {} } } } } }, toolChoice: { name: 'f' } },
    'tools.f.parameters.properties.a.not',
  ],
])('a choice of tools is refused: %s', (_, more, param) => {
  const request: unknown = { messages: [{ role: 'user', content: 'a' }], tools: { f: {} }, ...more }
  expect(() => checkTextRequest(request as TextRequest)).toThrow(
    expect.objectContaining({ detail: expect.objectContaining({ param }) }),
  )
})

test('tools are refused whose parameters have no end, and those of no chat', () => {
  const parameters: Record<string, unknown> = {}
  parameters.self = parameters
  const messages = [{ role: 'user', content: 'a' }] as const
  for (const request of [
    { messages, tools: { f: { parameters } } },
    { prompt: 'a', tools: { f: {} } },
  ] satisfies TextRequest[])
    expect(() => checkTextRequest(request)).toThrow(expect.objectContaining({ code: 'input_value_invalid' }))
})

test.each<[string, object]>([
  ['of another word', { messages: [{ role: 'user', content: 'a' }], truncation: 'end' }],
  ['that is no word', { prompt: 'a', truncation: true }],
  ['of turns, which a prompt does not have', { prompt: 'a', truncation: 'auto' }],
  ['of turns, which tokens do not have', { tokens: [5], truncation: 'auto' }],
])('a truncation is refused: %s', (_, request) => {
  expect(() => checkTextRequest(request as TextRequest)).toThrow(
    expect.objectContaining({
      code: 'input_value_invalid',
      message: expect.stringContaining('"truncation"'),
    }),
  )
})

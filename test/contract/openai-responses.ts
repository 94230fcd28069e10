import { expect } from 'vitest'
import type { ContractCase } from './openai-client.ts'

/** `chatty` writes text with a chat template. */
export const response = { model: 'chatty', input: 'Once upon a time', temperature: 0, max_output_tokens: 6 }
const text = expect.stringMatching(/./)

export const responses: readonly ContractCase[] = [
  {
    name: 'a response',
    call: 'responses',
    request: { ...response, instructions: 'Tell.', metadata: { order: '7' } },
    expected: expect.objectContaining({
      id: expect.stringMatching(/^resp_./),
      object: 'response',
      status: 'incomplete',
      output: [expect.objectContaining({ role: 'assistant', content: [expect.objectContaining({ text })] })],
      output_text: text,
      metadata: { order: '7' },
      usage: expect.objectContaining({ output_tokens: 6 }),
    }),
  },
  {
    name: 'a response to messages and calls of tools',
    call: 'responses',
    request: {
      ...response,
      input: [
        { role: 'user', content: [{ type: 'input_text', text: 'Once' }] },
        { type: 'function_call', call_id: 'c1', name: 'f', arguments: '{}' },
        { type: 'function_call_output', call_id: 'c1', output: 'upon' },
      ],
    },
    expected: expect.objectContaining({ object: 'response', output_text: text }),
  },
  {
    name: 'a streamed response',
    call: 'responses',
    request: { ...response, stream: true },
    expected: {
      names: [
        'created',
        'in_progress',
        'output_item.added',
        'content_part.added',
        'output_text.delta',
        'output_text.done',
        'content_part.done',
        'output_item.done',
        'incomplete',
      ].map((name) => `response.${name}`),
      text,
      isNumbered: true,
      response: expect.objectContaining({ status: 'incomplete' }),
    },
  },
]

export const refusedResponses: readonly ContractCase[] = [
  {
    name: 'a response to be stored',
    call: 'responses',
    request: { ...response, store: true },
    expected: { code: 'not_supported', param: 'store' },
  },
  {
    name: 'a response after another, streamed',
    call: 'responses',
    request: { ...response, previous_response_id: 'resp_1', stream: true },
    expected: { code: 'not_supported', param: 'previous_response_id' },
  },
  {
    name: 'a response to a picture',
    call: 'responses',
    request: { ...response, input: [{ role: 'user', content: [{ type: 'input_image' }] }] },
    expected: { code: 'not_supported', param: 'input[0].content[0].type' },
  },
  {
    name: 'a response of a model that is unknown',
    call: 'responses',
    request: { ...response, model: 'absent' },
    expected: expect.objectContaining({ code: 'model_unknown' }),
  },
]

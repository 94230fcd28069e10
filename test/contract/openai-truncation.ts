import { expect } from 'vitest'
import type { ContractCase } from './openai-client.ts'
import { response } from './openai-responses.ts'

const user = (content: string) => ({ role: 'user', content })
const chat = { model: 'chatty', messages: [user('Once upon a time')], temperature: 0, max_tokens: 6 }
/** More than the 512 tokens that `chatty` reads: its oldest turns have to go. */
const longChat = [
  { role: 'system', content: 'Tell a tale.' },
  ...Array.from({ length: 20 }, (_, at) => [
    user(`And what did the king say on day ${at}?`),
    {
      role: 'assistant',
      content: `On day ${at} the king said: "Bring me the ring of my mother, and be quick!" `,
    },
  ]).flat(),
  user('Once upon a time'),
]

export const truncated: readonly ContractCase[] = [
  {
    name: 'a long chat without its oldest turns',
    call: 'chat.completions',
    request: { ...chat, messages: longChat, truncation: 'auto', return_token_ids: true },
    expected: expect.objectContaining({ dropped_messages: expect.any(Number) }),
  },
  {
    name: 'the same as a stream',
    call: 'chat.completions',
    request: { ...chat, messages: longChat, truncation: 'auto', stream: true, n: 2 },
    expected: expect.objectContaining({
      dropped_messages: expect.any(Number),
      finishes: ['length', 'length'],
    }),
  },
  {
    name: 'a response to a long chat',
    call: 'responses',
    request: { ...response, input: longChat, truncation: 'auto' },
    expected: expect.objectContaining({ dropped_messages: expect.any(Number), truncation: 'auto' }),
  },
]

export const refusedTruncations: readonly ContractCase[] = [
  {
    name: 'a long chat whose turns are all to stay',
    call: 'chat.completions',
    request: { ...chat, messages: longChat },
    expected: expect.objectContaining({ code: 'context_exceeded' }),
  },
  {
    name: 'a last turn past the context',
    call: 'chat.completions',
    request: { ...chat, messages: [...longChat, user('again '.repeat(2_000))], truncation: 'auto' },
    expected: expect.objectContaining({ code: 'context_exceeded' }),
  },
  {
    name: 'another truncation',
    call: 'chat.completions',
    request: { ...chat, truncation: 'middle' },
    expected: { code: 'request_malformed', param: 'truncation' },
  },
  {
    name: 'two truncations',
    call: 'chat.completions',
    request: { ...chat, truncation: 'auto', truncate_prompt_tokens: 3 },
    expected: { code: 'request_malformed', param: 'truncate_prompt_tokens' },
  },
  {
    name: 'a prompt without its oldest turns',
    call: 'completions',
    request: { model: 'chatty', prompt: 'Once', truncation: 'auto' },
    expected: { code: 'not_supported', param: 'truncation' },
  },
]

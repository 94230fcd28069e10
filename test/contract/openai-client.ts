import { describe, expect, test } from 'vitest'
import { comparable, within } from './openai-answers.ts'
import { refusedResponses, response, responses } from './openai-responses.ts'
import { refusedTruncations, truncated } from './openai-truncation.ts'

/** The calls of a client by their names in it. */
export type OpenAiCall = 'chat.completions' | 'completions' | 'responses' | 'embeddings'

/** How many events of a stream are read before it is left. Those of a response begin with four without text. */
export const eventsRead = 6

/** A client of OpenAI's API, wherever it runs: what it gives and throws is plain data here. */
export interface OpenAiClientSubject {
  /** A stream's events are a list. Rejects with `code` and `param` of the client's error. */
  create(call: OpenAiCall, request: object): Promise<unknown>
  /** Reads some events of a stream and leaves: by `break`, or by its controller. Resolves to the number that came. */
  leave(call: OpenAiCall, request: object, how: 'break' | 'abort'): Promise<number>
}

export interface ContractCase {
  readonly name: string
  readonly call: OpenAiCall
  readonly request: object
  readonly expected: unknown
}

const user = (content: string) => ({ role: 'user', content })
/** `chatty` writes text with a chat template, `embedder` embeds, `digits` does neither. */
const chat = { model: 'chatty', messages: [user('Once upon a time')], temperature: 0, max_tokens: 6 }
const completion = { model: 'chatty', prompt: 'Once upon a time', temperature: 0, max_tokens: 6 }
const embedding = { model: 'embedder', input: ['w1 w2 w3', 'w4'] }
const text = expect.stringMatching(/./)

const answers: readonly ContractCase[] = [
  {
    name: 'a chat',
    call: 'chat.completions',
    request: chat,
    expected: {
      id: expect.stringMatching(/^chatcmpl-./),
      object: 'chat.completion',
      created: expect.any(Number),
      model: 'chatty',
      system_fingerprint: expect.stringMatching(/^q4\//),
      choices: [
        {
          index: 0,
          message: { role: 'assistant', content: text, refusal: null },
          logprobs: null,
          finish_reason: 'length',
        },
      ],
      usage: expect.objectContaining({ completion_tokens: 6 }),
    },
  },
  {
    name: 'a chat held to a schema',
    call: 'chat.completions',
    request: {
      ...chat,
      max_tokens: 20,
      response_format: {
        type: 'json_schema',
        json_schema: { name: 'weather', strict: true, schema: { enum: ['calm', 'stormy'] } },
      },
    },
    expected: expect.objectContaining({
      choices: [
        expect.objectContaining({
          message: {
            role: 'assistant',
            content: expect.stringMatching(/^"(?:calm|stormy)"$/),
            refusal: null,
          },
          finish_reason: 'stop',
        }),
      ],
    }),
  },
  {
    name: 'a message in parts',
    call: 'chat.completions',
    request: { ...chat, messages: [{ role: 'user', content: [{ type: 'text', text: 'Once' }] }] },
    expected: expect.objectContaining({ object: 'chat.completion' }),
  },
  {
    name: 'a streamed chat with its usage',
    call: 'chat.completions',
    request: { ...chat, stream: true, stream_options: { include_usage: true } },
    expected: expect.objectContaining({ object: 'chat.completion.chunk', finishes: ['length'] }),
  },
  {
    name: 'several texts with a seed',
    call: 'chat.completions',
    request: { ...chat, temperature: 1, seed: 7, n: 3 },
    expected: expect.objectContaining({ choices: Array.from({ length: 3 }, () => expect.anything()) }),
  },
  {
    name: 'several streamed texts',
    call: 'chat.completions',
    request: { ...chat, n: 2, stream: true },
    expected: expect.objectContaining({ finishes: ['length', 'length'] }),
  },
  {
    name: 'log probabilities and token ids',
    call: 'chat.completions',
    request: { ...chat, logprobs: true, top_logprobs: 2, return_token_ids: true },
    expected: expect.objectContaining({ prompt_token_ids: expect.any(Array) }),
  },
  {
    name: 'arguments of the template, and a prompt whose beginning is cut',
    call: 'chat.completions',
    request: {
      ...chat,
      chat_template_kwargs: { loud: true },
      truncate_prompt_tokens: 3,
      return_token_ids: true,
    },
    expected: expect.objectContaining({ usage: expect.objectContaining({ prompt_tokens: 3 }) }),
  },
  ...truncated,
  {
    name: 'a completion',
    call: 'completions',
    request: completion,
    expected: expect.objectContaining({ id: expect.stringMatching(/^cmpl-./), object: 'text_completion' }),
  },
  {
    name: 'completions of several prompts with log probabilities',
    call: 'completions',
    request: { ...completion, prompt: ['Once', 'The king'], logprobs: 1 },
    expected: expect.objectContaining({ choices: [expect.anything(), expect.anything()] }),
  },
  {
    name: 'a completion of tokens that repeats them',
    call: 'completions',
    request: { ...completion, prompt: [5, 6, 7], echo: true, return_token_ids: true },
    expected: expect.objectContaining({ object: 'text_completion' }),
  },
  {
    name: 'a streamed completion',
    call: 'completions',
    request: { ...completion, stream: true },
    expected: expect.objectContaining({ finishes: ['length'] }),
  },
  ...responses,
  {
    name: 'embeddings',
    call: 'embeddings',
    request: { ...embedding, encoding_format: 'float' },
    expected: {
      object: 'list',
      model: 'embedder',
      data: [0, 1].map((index) => ({ object: 'embedding', index, embedding: expect.any(Array) })),
      usage: expect.objectContaining({ prompt_tokens: expect.any(Number) }),
    },
  },
  {
    name: 'embeddings of tokens',
    call: 'embeddings',
    request: { ...embedding, input: [[5, 6, 7], [8]] },
    expected: expect.objectContaining({ object: 'list' }),
  },
]

const refusals: readonly ContractCase[] = [
  {
    name: 'tools',
    call: 'chat.completions',
    request: { ...chat, tools: [{ type: 'function', function: { name: 'f' } }] },
    expected: { code: 'not_supported', param: 'tools' },
  },
  {
    name: 'a picture',
    call: 'chat.completions',
    request: { ...chat, messages: [{ role: 'user', content: [{ type: 'image_url', image_url: {} }] }] },
    expected: { code: 'request_malformed', param: expect.stringContaining('messages[0].content') },
  },
  {
    name: 'no messages',
    call: 'chat.completions',
    request: { ...chat, messages: [] },
    expected: { code: 'request_malformed', param: 'messages' },
  },
  {
    name: 'options of a stream that is none',
    call: 'chat.completions',
    request: { ...chat, stream_options: { include_usage: true } },
    expected: { code: 'request_malformed', param: 'stream_options' },
  },
  {
    name: 'alternatives without log probabilities',
    call: 'chat.completions',
    request: { ...chat, top_logprobs: 2 },
    expected: { code: 'request_malformed', param: 'top_logprobs' },
  },
  {
    name: 'too many texts',
    call: 'chat.completions',
    request: { ...chat, n: 129 },
    expected: { code: 'request_malformed', param: 'n' },
  },
  {
    name: 'a prompt past the context, streamed',
    call: 'chat.completions',
    request: { ...chat, messages: [user('again '.repeat(2_000))], stream: true },
    expected: expect.objectContaining({ code: 'context_exceeded' }),
  },
  ...refusedTruncations,
  {
    name: 'an unknown model',
    call: 'chat.completions',
    request: { ...chat, model: 'absent' },
    expected: expect.objectContaining({ code: 'model_unknown' }),
  },
  {
    name: 'a model that writes no text',
    call: 'chat.completions',
    request: { ...chat, model: 'digits' },
    expected: expect.objectContaining({ code: 'not_supported' }),
  },
  {
    name: 'a suffix',
    call: 'completions',
    request: { ...completion, suffix: 'the end' },
    expected: { code: 'not_supported', param: 'suffix' },
  },
  {
    name: 'a bias of a token that the model does not have',
    call: 'completions',
    request: { ...completion, logit_bias: { 999999: 1 } },
    expected: { code: 'input_value_invalid', param: 'logit_bias.999999' },
  },
  ...refusedResponses,
  {
    name: 'a number of dimensions that the model does not have',
    call: 'embeddings',
    request: { ...embedding, dimensions: 3 },
    expected: { code: 'request_malformed', param: 'dimensions' },
  },
  {
    name: 'nothing to embed',
    call: 'embeddings',
    request: { ...embedding, input: [] },
    expected: { code: 'request_malformed', param: 'input' },
  },
]

/**
 * What every client of OpenAI's API gets from our models, on the server and on the device.
 *
 * @param reference A client whose answers are the same but for their ids, times and places.
 */
export function openAiClientContract(
  name: string,
  subject: OpenAiClientSubject,
  reference?: OpenAiClientSubject,
): void {
  describe(`${name} is a client of OpenAI's API`, () => {
    test.each(answers)('that gets $name', async ({ call, request, expected }) => {
      const answer = comparable(await subject.create(call, request))
      expect(answer).toEqual(expected)
      if (!reference) return
      expect(answer).toEqual(within(comparable(await reference.create(call, request))))
    })

    test.each(refusals)('that is refused $name', async ({ call, request, expected }) => {
      await expect(subject.create(call, request)).rejects.toEqual(expected)
    })

    test.each([
      ['chat.completions', 'break'],
      ['chat.completions', 'abort'],
      ['responses', 'break'],
      ['responses', 'abort'],
    ] as const)('whose stream of %s ends by %s', async (call, how) => {
      const long = {
        'chat.completions': { ...chat, max_tokens: 400 },
        responses: { ...response, max_output_tokens: 400 },
      }[call]
      const events = await subject.leave(call, { ...long, ignore_eos: true, stream: true }, how)
      // Events on their way may still come after an abort.
      expect(events).toBeLessThan(how === 'break' ? eventsRead + 1 : 50)
      expect(await subject.create('chat.completions', chat)).toMatchObject({ object: 'chat.completion' })
    })
  })
}

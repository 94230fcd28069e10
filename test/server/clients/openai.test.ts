import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bardsWithTemplates } from '../../support/bard-variants.ts'
import { startServer, type TestServer } from '../../support/server.ts'

const templates = {
  plain: "{% for m in messages %}{{ m['content'] }}\n{% endfor %}",
  // As Llama-Guard-3-1B and models that see pictures have it.
  first: "{% for m in messages %}<{{ m['role'] }}> {{ m['content'][0]['text'] }}\n{% endfor %}",
  loop: "{% for m in messages %}<{{ m['role'] }}> {% for c in m['content'] %}{{ c['text'] }}{% endfor %}|{% endfor %}",
  // As Qwen3 has it.
  thinking:
    "{% for m in messages %}{{ m['content'] }}{% endfor %}{% if enable_thinking is false %}<think>{% endif %}",
  // As most models have it that were trained with tools.
  tools:
    '{% for m in messages %}<{{ m.role }}> {{ m.content }}{% for c in m.tool_calls or [] %}{{ c.function.name }}({{ c.function.arguments | tojson }}){% endfor %}|{% endfor %}',
  // Reads the first message only.
  forgetful: "{{ messages[0]['content'] }}",
}

let server: TestServer
let client: OpenAI
beforeAll(async () => {
  server = await startServer({ SPILLWAY_MODELS: await bardsWithTemplates(templates) })
  client = new OpenAI({ apiKey: 'none', baseURL: new URL('v1', server.url).href, maxRetries: 0 })
})
afterAll(async () => {
  await server?.stop()
})

const user = (content: string) => ({ role: 'user', content }) as const

async function running(model: string): Promise<string | undefined> {
  const text = await (await fetch(new URL('metrics', server.url))).text()
  return new RegExp(`vllm:num_requests_running\\{model_name="${model}"\\} (\\d+)`).exec(text)?.[1]
}

describe('a stop string that occurs', () => {
  const greedy = { model: 'plain', max_tokens: 60, temperature: 0 } as const
  /** A string of several tokens in the middle of a text, and the text before it. */
  const stopIn = (text: string) => {
    const stop = text.slice(40, 46)
    return { stop, before: text.slice(0, text.indexOf(stop)) }
  }

  test('ends a completion as stop, whole and streamed, and frees its slot', async () => {
    const request = { ...greedy, prompt: 'Once upon a time' }
    const full = (await client.completions.create(request)).choices[0]?.text ?? ''
    const { stop, before } = stopIn(full)
    const whole = await client.completions.create({ ...request, stop })
    expect(whole.choices[0]).toMatchObject({ text: before, finish_reason: 'stop' })
    let streamed = ''
    const reasons: unknown[] = []
    for await (const { choices } of await client.completions.create({ ...request, stop, stream: true })) {
      streamed += choices[0]?.text ?? ''
      if (choices[0]?.finish_reason) reasons.push(choices[0].finish_reason)
    }
    expect([streamed, reasons]).toEqual([before, ['stop']])
    await expect.poll(() => running('plain')).toBe('0')
  })

  test('ends a chat as stop, whole and streamed, and each of several texts', async () => {
    const request = { ...greedy, messages: [user('Once upon a time')] }
    const full = (await client.chat.completions.create(request)).choices[0]?.message.content ?? ''
    const { stop, before } = stopIn(full)
    const whole = await client.chat.completions.create({ ...request, stop: ['never said', stop], n: 3 })
    expect(whole.choices.map(({ message, finish_reason }) => [message.content, finish_reason])).toEqual(
      Array.from({ length: 3 }, () => [before, 'stop']),
    )
    let streamed = ''
    const reasons: unknown[] = []
    for await (const { choices } of await client.chat.completions.create({
      ...request,
      stop,
      stream: true,
    })) {
      streamed += choices[0]?.delta.content ?? ''
      if (choices[0]?.finish_reason) reasons.push(choices[0].finish_reason)
    }
    expect([streamed, reasons]).toEqual([before, ['stop']])
    await expect.poll(() => running('plain')).toBe('0')
  })
})

test('a client that aborts its stream frees the slot', async () => {
  const request = { model: 'plain', prompt: 'Once', max_tokens: 500, stream: true, ignore_eos: true } as const
  const stream = await client.completions.create(request)
  for await (const _ of stream) break
  stream.controller.abort()
  await expect.poll(() => running('plain')).toBe('0')
})

describe('a chat template', () => {
  /** What the model reads of a chat. */
  async function readBy(model: string, messages: OpenAI.ChatCompletionMessageParam[], more: object = {}) {
    const request = { model, messages, max_tokens: 1, return_token_ids: true, ...more }
    const answer = await client.chat.completions.create(request)
    if (!('prompt_token_ids' in answer)) throw new Error('The answer has no prompt_token_ids')
    const prompt = answer.prompt_token_ids as number[]
    const echo = await client.completions.create({ model, prompt, echo: true, max_tokens: 0 })
    return echo.choices[0]?.text
  }
  const inParts = [{ role: 'user' as const, content: [{ type: 'text' as const, text: 'The king' }] }]

  test.each([
    ['plain', 'The king\n'],
    ['first', '<user> The king\n'],
    ['loop', '<user> The king|'],
  ])('that is %s gets the form that it reads', async (model, expected) => {
    expect(await readBy(model, [user('The king')])).toBe(expected)
    expect(await readBy(model, inParts)).toBe(expected)
  })

  test('reads the arguments of a request', async () => {
    expect(await readBy('thinking', [user('The king')])).toBe('The king')
    const chat_template_kwargs = { enable_thinking: false }
    expect(await readBy('thinking', [user('The king')], { chat_template_kwargs })).toBe('The king<think>')
  })

  describe('with calls of tools in its history', () => {
    const tool_calls = [
      { id: 'c1', type: 'function' as const, function: { name: 'weather', arguments: '{"at":"sea"}' } },
    ]
    const asked = user('How is it?')
    const result = { role: 'tool' as const, tool_call_id: 'c1', content: 'stormy' }

    test.each<[string, object]>([
      ['null', { content: null }],
      ['absent', {}],
      ['empty', { content: '' }],
    ])('reads the calls of a message whose content is %s', async (_, content) => {
      const call = { role: 'assistant' as const, tool_calls, ...content }
      expect(await readBy('tools', [asked, call, result])).toBe(
        '<user> How is it?|<assistant> weather({"at": "sea"})|<tool> stormy|',
      )
    })

    test('goes without the calls where the template does not read them, and with all that was said', async () => {
      const call = { role: 'assistant' as const, tool_calls }
      expect(await readBy('plain', [asked, call, result])).toBe('How is it?\n\nstormy\n')
    })

    test('is refused where the template leaves out a result', async () => {
      const messages = [asked, { role: 'assistant' as const, tool_calls }, result]
      await expect(client.chat.completions.create({ model: 'forgetful', messages })).rejects.toMatchObject({
        status: 400,
        code: 'not_supported',
        param: 'messages[2].content',
      })
    })

    test('is refused where another role calls, and where the answer would continue a message', async () => {
      const odd = (message: object) =>
        client.chat.completions.create({ model: 'tools', messages: [asked, message as typeof asked] })
      await expect(odd({ role: 'user', content: 'a', tool_calls })).rejects.toMatchObject({
        status: 400,
        param: 'messages[1].tool_calls',
      })
      for (const [name, value] of Object.entries({
        function_call: { name: 'f', arguments: '' },
        prefix: true,
      }))
        await expect(odd({ role: 'assistant', content: 'a', [name]: value })).rejects.toMatchObject({
          status: 400,
          code: 'not_supported',
          param: `messages[1].${name}`,
        })
    })
  })

  test('that leaves the user’s text out is an error, for short texts, too', async () => {
    const ask = (content: string) =>
      client.chat.completions.create({
        model: 'forgetful',
        messages: [{ role: 'system', content: 'Be brief.' }, user(content)],
      })
    for (const content of ['b', 'Tell me about the king of the wood.'])
      await expect(ask(content)).rejects.toMatchObject({ status: 400, code: 'request_malformed' })
    expect(await readBy('forgetful', [user('The king')])).toBe('The king')
  })
})

test('takes a top_p of zero as greedy', async () => {
  const request = { model: 'plain', prompt: 'Once', max_tokens: 12 }
  const greedy = await client.completions.create({ ...request, temperature: 0 })
  const nucleus = await client.completions.create({ ...request, temperature: 2, top_p: 0 })
  expect(nucleus.choices[0]?.text).toBe(greedy.choices[0]?.text)
})

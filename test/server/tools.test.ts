import type OpenAI from 'openai'
import { afterEach, describe, expect, test } from 'vitest'
import { chat, closeScriptedServers, createScriptedApp, listen } from '../support/scripted-server.ts'

afterEach(closeScriptedServers)

const parameters = { type: 'object', properties: { at: { type: 'string' } } }
const weather = { type: 'function' as const, function: { name: 'weather', parameters } }
const tools = [weather]
const request = { ...chat, tools }
const call = (at: string) => `<tool_call>\n{"name": "weather", "arguments": {"at": "${at}"}}\n</tool_call>`
const answer = `I look.\n${call('sea')}\n${call('land')}`
const output = { tools: 'hermes' } as const
/** What the scripted template makes of the request, and the answer. */
const calling = (text = answer) => ({
  text: `tools: ${JSON.stringify([weather])}\nuser: ab\n${text}`,
  output,
})

const post = async (
  path: string,
  body: object,
  options: Parameters<typeof createScriptedApp>[0] = calling(),
) => {
  const response = await createScriptedApp(options).app.request(`/v1/${path}`, {
    method: 'POST',
    body: JSON.stringify(body),
  })
  return { status: response.status, body: await response.json() }
}

const written = (at: string) => ({
  id: expect.stringMatching(/^call_\w{24}$/),
  type: 'function',
  function: { name: 'weather', arguments: JSON.stringify({ at }) },
})

describe('a chat with tools', () => {
  test('has their calls apart from its content', async () => {
    const { body } = await post('chat/completions', request)
    expect(body.choices).toMatchObject([
      {
        message: { content: 'I look.', tool_calls: [written('sea'), written('land')] },
        finish_reason: 'tool_calls',
      },
    ])
    const alone = await post('chat/completions', request, calling(call('sea')))
    expect(alone.body.choices[0].message).toEqual({
      role: 'assistant',
      content: null,
      refusal: null,
      tool_calls: [written('sea')],
    })
  })

  test('streams each call as its name, then its arguments', async () => {
    const { client } = await listen(calling())
    const deltas: OpenAI.ChatCompletionChunk.Choice.Delta.ToolCall[] = []
    let content = ''
    let finish: string | null | undefined
    for await (const { choices } of await client.chat.completions.create({ ...request, stream: true })) {
      content += choices[0]?.delta.content ?? ''
      deltas.push(...(choices[0]?.delta.tool_calls ?? []))
      finish = choices[0]?.finish_reason
    }
    expect([content, finish]).toEqual(['I look.', 'tool_calls'])
    expect(deltas).toEqual(
      ['sea', 'land'].flatMap((at, index) => [
        { ...written(at), index, function: { name: 'weather', arguments: '' } },
        { index, function: { arguments: JSON.stringify({ at }) } },
      ]),
    )
  })

  test('is run by OpenAI’s own helper, which sends the results back', async () => {
    const reply = (prompt: string) => (prompt.endsWith('tool: stormy\n') ? 'It is stormy.' : call('sea'))
    const { client } = await listen({ reply, output })
    const asked: unknown[] = []
    const runner = client.chat.completions.runTools({
      ...chat,
      tools: [
        {
          type: 'function',
          function: {
            ...weather.function,
            description: 'Tells the weather',
            parse: JSON.parse,
            function: (json: object) => {
              asked.push(json)
              return 'stormy'
            },
          },
        },
      ],
    })
    expect(await runner.finalContent()).toBe('It is stormy.')
    expect(asked).toEqual([{ at: 'sea' }])
  })

  test('ends with its first call where others may not come beside it', async () => {
    const { body } = await post('chat/completions', { ...request, parallel_tool_calls: false })
    expect(body.choices).toMatchObject([
      { message: { tool_calls: [written('sea')] }, finish_reason: 'tool_calls' },
    ])
    expect(body.choices[0].message.tool_calls).toHaveLength(1)
  })

  test('gives a call that is none, and one that breaks off, as content', async () => {
    const broken = '<tool_call>{"name": "weather", "arguments": {"at": }}</tool_call>'
    const { body } = await post('chat/completions', request, calling(broken))
    expect(body.choices).toMatchObject([{ message: { content: broken }, finish_reason: 'stop' }])
    const cut = await post('chat/completions', { ...request, max_tokens: 30 }, calling(call('sea')))
    expect(cut.body.choices).toMatchObject([
      { message: { content: call('sea').slice(0, 30) }, finish_reason: 'length' },
    ])
  })

  test('has no calls with tool_choice none, and its template gets no tools', async () => {
    const text = `user: ab\n${answer}`
    const { body } = await post('chat/completions', { ...request, tool_choice: 'none' }, { text, output })
    expect(body.choices).toMatchObject([{ message: { content: answer }, finish_reason: 'stop' }])
  })

  test('goes on at another place, in a call or behind one', async () => {
    for (const max_tokens of [20, answer.indexOf('</tool_call>') + 14]) {
      const first = await post('chat/completions', { ...request, max_tokens, return_token_ids: true })
      const [choice] = first.body.choices
      const rest = await post('completions', {
        model: 'scripted',
        prompt: [...first.body.prompt_token_ids, ...choice.token_ids],
        generated_tokens: max_tokens,
        is_chat: true,
        tools,
        max_tokens: null,
      })
      const calls = [choice.message, ...rest.body.choices].flatMap(({ tool_calls = [] }) => tool_calls)
      expect(calls).toEqual([written('sea'), written('land')])
    }
  })
})

describe('tools are refused', () => {
  const named = (name: unknown, more: object = {}) => ({ type: 'function', function: { name, ...more } })
  const choice = (name: string) => ({ type: 'function', function: { name } })
  const unique = { parameters: { type: 'object', properties: { a: { type: 'array', uniqueItems: true } } } }
  test.each<[string, object, string, string]>([
    [
      'without a name',
      { tools: [{ type: 'function', function: {} }] },
      'request_malformed',
      'tools[0].function.name',
    ],
    ['without a function', { tools: [{ type: 'function' }] }, 'request_malformed', 'tools[0].name'],
    ['with an empty name', { tools: [named('')] }, 'request_malformed', 'tools[0].function.name'],
    ['with a name in words', { tools: [named('a b')] }, 'request_malformed', 'tools[0].function.name'],
    ['of one name', { tools: [weather, weather] }, 'request_malformed', 'tools[1].function.name'],
    [
      'of one name that must not be called',
      { tools: [weather, weather], tool_choice: 'none' },
      'request_malformed',
      'tools[1].function.name',
    ],
    [
      'past 128',
      { tools: Array.from({ length: 129 }, (_, at) => named(`f${at}`)) },
      'request_malformed',
      'tools',
    ],
    [
      'whose parameters are no object',
      { tools: [{ type: 'function', function: { name: 'f', parameters: [] } }] },
      'request_malformed',
      'tools[0].function.parameters',
    ],
    [
      'of another name',
      { tools, tool_choice: choice('wether') },
      'request_malformed',
      'tool_choice.function.name',
    ],
    ['that must be called, without any', { tool_choice: 'required' }, 'request_malformed', 'tool_choice'],
    ['by an unknown choice', { tools, tool_choice: 'any' }, 'not_supported', 'tool_choice'],
    [
      'whose schema arguments cannot be held to',
      { tools: [weather, named('f', { ...unique, strict: true })] },
      'not_supported',
      'tools[1].function.parameters.properties.a.uniqueItems',
    ],
    [
      'whose schema a call cannot be held to',
      { tools: [named('f', unique)], tool_choice: choice('f') },
      'not_supported',
      'tools[0].function.parameters.properties.a.uniqueItems',
    ],
    [
      'whose arguments are no object',
      { tools: [named('f', { parameters: { type: 'string' } })], tool_choice: 'required' },
      'input_value_invalid',
      'tools[0].function.parameters.type',
    ],
    [
      'whose schemas are too large together',
      {
        tools: ['f', 'g'].map((name) => named(name, { parameters: { description: 'x'.repeat(40_000) } })),
        tool_choice: 'required',
      },
      'input_value_invalid',
      'tools[1].function.parameters',
    ],
  ])('%s', async (_, more, code, param) => {
    expect(await post('chat/completions', { ...chat, ...more })).toMatchObject({
      status: 400,
      body: { error: { code, param } },
    })
  })

  test('that the template does not read, or of a model whose calls are not known', async () => {
    const refusal = (message: string) => ({
      status: 400,
      body: { error: { code: 'not_supported', param: 'tools', message: expect.stringContaining(message) } },
    })
    const unread = { ...calling(), variables: ['messages'] }
    expect(await post('chat/completions', request, unread)).toMatchObject(refusal('leaves out "tools"'))
    expect(await post('chat/completions', request, { text: answer })).toMatchObject(refusal('calls tools'))
  })
})

describe('a response with tools', () => {
  const asked = {
    model: 'scripted',
    input: 'ab',
    tools: [{ type: 'function', strict: false, ...weather.function }],
  }

  test('has an item for each call, and takes them back', async () => {
    const { body } = await post('responses', asked)
    const item = (at: string) => ({
      id: expect.stringMatching(/^fc_/),
      type: 'function_call',
      status: 'completed',
      call_id: expect.stringMatching(/^call_/),
      name: 'weather',
      arguments: JSON.stringify({ at }),
    })
    expect(body.output).toEqual([expect.objectContaining({ type: 'message' }), item('sea'), item('land')])
    expect(body.tools).toMatchObject(asked.tools)
    const output = { type: 'function_call_output', call_id: body.output[1].call_id, output: 'stormy' }
    const next = { ...asked, input: [{ role: 'user', content: 'ab' }, ...body.output, output] }
    expect((await post('responses', next)).status).toBe(200)
  })

  test('streams them as OpenAI’s client reads them', async () => {
    const { client } = await listen(calling(call('sea')))
    const stream = client.responses.stream({
      model: 'scripted',
      input: 'ab',
      tools: [{ type: 'function', strict: false, ...weather.function }],
    })
    const types: string[] = []
    for await (const { type } of stream) types.push(type.replace('response.', ''))
    expect(types).toEqual([
      'created',
      'in_progress',
      'output_item.added',
      'function_call_arguments.delta',
      'function_call_arguments.done',
      'output_item.done',
      'completed',
    ])
    const { output } = await stream.finalResponse()
    expect(output).toMatchObject([{ type: 'function_call', name: 'weather', arguments: '{"at":"sea"}' }])
  })
})

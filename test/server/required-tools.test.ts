import { afterEach, describe, expect, test } from 'vitest'
import { chat, closeScriptedServers, createScriptedApp, listen } from '../support/scripted-server.ts'

afterEach(closeScriptedServers)

/** What the model would write: text, and a call whose arguments do not fit. */
const reply = () => 'I look.\n<tool_call>\n{"name": "weather", "arguments": {"on": "sea"}}\n</tool_call>'
const model = { reply, output: { tools: 'hermes' } } as const

const post = async (path: string, body: object) => {
  const response = await createScriptedApp(model).app.request(`/v1/${path}`, {
    method: 'POST',
    body: JSON.stringify(body),
  })
  return { status: response.status, body: await response.json() }
}

describe('a tool that must be called', () => {
  const schema = {
    type: 'object',
    properties: { at: { enum: ['sea', 'land'] } },
    required: ['at'],
    additionalProperties: false,
  }
  const fitting = { type: 'function' as const, function: { name: 'look', parameters: schema } }
  const other = { type: 'function' as const, function: { name: 'weather' } }
  const asked = { ...chat, tools: [other, fitting] }
  const look = { function: { name: 'look', arguments: expect.stringMatching(/^\{"at":"(?:sea|land)"\}$/) } }
  const byName = { type: 'function', function: { name: 'look' } } as const

  test('is called by name, with arguments that fit, whatever the model would write', async () => {
    const { body } = await post('chat/completions', { ...asked, tool_choice: byName })
    expect(body.choices).toMatchObject([
      { message: { content: null, tool_calls: [look] }, finish_reason: 'tool_calls' },
    ])
    const flat = { type: 'function', name: 'look', parameters: schema }
    const request = { model: 'scripted', input: 'ab', tools: [flat] }
    const response = await post('responses', { ...request, tool_choice: { type: 'function', name: 'look' } })
    expect(response.body.output).toMatchObject([{ type: 'function_call', ...look.function }])
  })

  test('is any of them, streamed through OpenAI’s client', async () => {
    const { client } = await listen(model)
    const stream = client.chat.completions.stream({ ...asked, tools: [fitting], tool_choice: 'required' })
    const { message, finish_reason } = (await stream.finalChatCompletion()).choices[0] ?? {}
    expect([message?.content || null, finish_reason]).toEqual([null, 'tool_calls'])
    expect(message?.tool_calls?.[0]).toMatchObject(look)
  })

  test('is held to its schema where it is strict, and the text is free', async () => {
    const strict = { type: 'function', function: { name: 'weather', parameters: schema, strict: true } }
    const { body } = await post('chat/completions', { ...chat, tools: [strict], max_tokens: 200 })
    const [choice] = body.choices
    expect(choice.message.content).toBe('I look.')
    expect(choice.message.tool_calls[0].function.arguments).toMatch(/^\{"at":"(?:sea|land)"\}$/)
  })
})

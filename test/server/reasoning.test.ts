import type OpenAI from 'openai'
import { afterEach, describe, expect, test } from 'vitest'
import { chat, closeScriptedServers, createScriptedApp, listen } from '../support/scripted-server.ts'

afterEach(closeScriptedServers)

const output = { reasoning: { open: '<think>', close: '</think>' } }
const answer = '<think>\nIs it?\n</think>\n\nIt is.'
/** The prompt of `chat` has nine characters. */
const thinking = { text: `user: ab\n${answer}`, output }

const post = async (
  path: string,
  body: object,
  options: Parameters<typeof createScriptedApp>[0] = thinking,
) => {
  const response = await createScriptedApp(options).app.request(`/v1/${path}`, {
    method: 'POST',
    body: JSON.stringify(body),
  })
  return { status: response.status, body: await response.json() }
}

describe('a chat of a model that thinks', () => {
  test('has its thought apart from its content, and counts its tokens', async () => {
    const { body } = await post('chat/completions', chat)
    expect(body.choices).toMatchObject([
      { message: { content: 'It is.', reasoning_content: 'Is it?' }, finish_reason: 'stop' },
    ])
    expect(body.usage).toMatchObject({
      completion_tokens: answer.length,
      completion_tokens_details: { reasoning_tokens: answer.indexOf('</think>') + 8 - 6 },
    })
  })

  test('streams both, the thought first, through OpenAI’s own client', async () => {
    const { client } = await listen(thinking)
    let thought = ''
    let content = ''
    let usage: OpenAI.CompletionUsage | null | undefined
    const stream = await client.chat.completions.create({
      ...chat,
      stream: true,
      stream_options: { include_usage: true },
    })
    for await (const { choices, usage: counted } of stream) {
      const delta: OpenAI.ChatCompletionChunk.Choice.Delta & { reasoning_content?: string } =
        choices[0]?.delta ?? {}
      if (delta.reasoning_content) expect(content).toBe('')
      thought += delta.reasoning_content ?? ''
      content += delta.content ?? ''
      usage = counted
    }
    expect([thought, content]).toEqual(['Is it?', 'It is.'])
    expect(usage?.completion_tokens_details?.reasoning_tokens).toBeGreaterThan(6)
  })

  test('that its template began has all up to the marker in it', async () => {
    const opened = { role: 'user', content: 'ab\n<think>' } as const
    const text = `user: ${opened.content}\nIs it?</think>It is.`
    const { body } = await post('chat/completions', { ...chat, messages: [opened] }, { text, output })
    expect(body.choices).toMatchObject([{ message: { content: 'It is.', reasoning_content: 'Is it?' } }])
  })

  test('is text where nothing marks a thought, and in completions', async () => {
    const { text } = thinking
    const { body } = await post('chat/completions', chat, { text })
    expect(body.choices[0].message).toEqual({ role: 'assistant', content: answer, refusal: null })
    expect(body.usage.completion_tokens_details).toEqual({ reasoning_tokens: 0 })
    const completed = await post('completions', { model: 'scripted', prompt: 'user: ab\n', max_tokens: 99 })
    expect(completed.body.choices[0].text).toBe(answer)
  })

  test('goes on in its thought at another place', async () => {
    const first = await post('chat/completions', { ...chat, max_tokens: 12, return_token_ids: true })
    const [choice] = first.body.choices
    expect(choice.message).toMatchObject({ content: '', reasoning_content: 'Is i' })
    const rest = await post('completions', {
      model: 'scripted',
      prompt: [...first.body.prompt_token_ids, ...choice.token_ids],
      generated_tokens: 12,
      is_chat: true,
      max_tokens: 99,
    })
    expect(rest.body.choices).toMatchObject([{ text: 'It is.', reasoning_content: 't?' }])
  })
})

describe('an effort', () => {
  const effort = (reasoning_effort: string, variables: string[]) =>
    post('chat/completions', { ...chat, reasoning_effort }, { ...thinking, variables })

  test('reaches a template that reads it', async () => {
    for (const [value, variable] of [
      ['high', 'reasoning_effort'],
      ['none', 'reasoning_effort'],
      ['none', 'enable_thinking'],
      ['none', ''],
    ] as const)
      expect((await effort(value, [variable])).status).toBe(200)
  })

  test('is refused where the template does not read it', async () => {
    const refusal = { code: 'not_supported', param: 'reasoning_effort' }
    for (const variables of [[], ['enable_thinking']])
      expect(await effort('low', variables)).toMatchObject({ status: 400, body: { error: refusal } })
    const response = { model: 'scripted', input: 'ab', reasoning: { effort: 'low' } }
    expect(await post('responses', response)).toMatchObject({
      status: 400,
      body: { error: { code: 'not_supported', param: 'reasoning.effort' } },
    })
  })
})

describe('a response of a model that thinks', () => {
  const request = { model: 'scripted', input: 'ab' }

  test('has an item for its thought', async () => {
    const { body } = await post('responses', request)
    expect(body.output).toMatchObject([
      { id: expect.stringMatching(/^rs_/), type: 'reasoning', summary: [], content: [{ text: 'Is it?' }] },
      { id: expect.stringMatching(/^msg_/), type: 'message', content: [{ text: 'It is.' }] },
    ])
    expect(body.usage.output_tokens_details.reasoning_tokens).toBeGreaterThan(6)
    const next = [{ role: 'user', content: 'ab' }, ...body.output, { role: 'user', content: 'c' }]
    expect((await post('responses', { ...request, input: next })).status).toBe(200)
  })

  test('streams it before its message, as OpenAI’s client reads it', async () => {
    const { client } = await listen(thinking)
    const stream = client.responses.stream(request)
    const types: string[] = []
    for await (const { type } of stream) if (types.at(-1) !== type) types.push(type)
    expect(types).toEqual([
      'response.created',
      'response.in_progress',
      'response.output_item.added',
      'response.content_part.added',
      'response.reasoning_text.delta',
      'response.reasoning_text.done',
      'response.content_part.done',
      'response.output_item.done',
      'response.output_item.added',
      'response.content_part.added',
      'response.output_text.delta',
      'response.output_text.done',
      'response.content_part.done',
      'response.output_item.done',
      'response.completed',
    ])
    const { output, output_text } = await stream.finalResponse()
    expect([output.map(({ type }) => type), output_text]).toEqual([['reasoning', 'message'], 'It is.'])
  })
})

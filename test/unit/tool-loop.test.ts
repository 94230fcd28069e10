import { describe, expect, test, vi } from 'vitest'
import type { GenerateRequest, Tool } from '../../web/text/tools.ts'
import { block, readDocument } from '../support/documents.ts'
import { scriptedModel } from '../support/scripted-model.ts'

const output = { tools: 'hermes' } as const
const call = (json: string, name = 'weather') =>
  `<tool_call>{"name":"${name}","arguments":${json}}</tool_call>`
const ask = [{ role: 'user', content: 'How is it?' }] as const
const parameters = {
  type: 'object',
  properties: { at: { type: 'string' } },
  required: ['at'],
  additionalProperties: false,
}

/** A model that writes these texts one after the other, and the prompts that it got. */
function modelOf(...texts: readonly string[]) {
  const prompts: string[] = []
  const reply = (prompt: string) => {
    if (prompts.at(-1) !== prompt) prompts.push(prompt)
    return texts[Math.min(prompts.length, texts.length) - 1] ?? ''
  }
  return { ...scriptedModel({ reply, output }), prompts }
}

const run = (texts: readonly string[], weather: Tool, more: Partial<GenerateRequest> = {}) => {
  const model = modelOf(...texts)
  const request: GenerateRequest = { messages: ask, tools: { weather }, ...more } as GenerateRequest
  return { stream: model.generate(request), prompts: model.prompts }
}

describe('a page’s tools', () => {
  test('are run, and the model writes on with their results', async () => {
    const execute = vi.fn(async ({ at }: { at: string }) => ({ at, wind: 9 }))
    const texts = [`I look.\n${call('{"at":"sea"}')}${call('{"at":"land"}')}`, 'It is stormy.']
    const { stream, prompts } = run(texts, { parameters, execute })
    const pieces = []
    for await (const piece of stream) pieces.push(piece)
    expect(pieces.map(({ text }) => text).join('')).toBe('I look.It is stormy.')
    expect(pieces.flatMap(({ toolCalls = [] }) => toolCalls)).toHaveLength(2)
    expect(execute.mock.calls.map(([args]) => args)).toEqual([{ at: 'sea' }, { at: 'land' }])
    expect(prompts[1]).toContain('tool: {"at":"sea","wind":9}\ntool: {"at":"land","wind":9}\n')
    const { text, toolCalls, finish, usage, messages } = await stream.result
    expect([text, toolCalls, finish]).toEqual(['It is stormy.', undefined, 'stop'])
    expect(usage.generatedTokens).toBe(texts.join('').length)
    expect(messages?.map(({ role }) => role)).toEqual(['assistant', 'tool', 'tool', 'assistant'])
  })

  test.each<[string, string, Tool, string]>([
    ['arguments that do not fit', call('{"at":5}'), { parameters }, 'Error: the arguments do not fit: #'],
    ['arguments that are missing', call('{}'), { parameters }, 'Error: the arguments do not fit: #'],
    ['a tool that there is not', call('{}', 'wether'), {}, 'Error: there is no tool "wether"'],
  ])('are not run for %s, which the model reads', async (_, text, tool, content) => {
    const execute = vi.fn()
    const { stream, prompts } = run([text, 'Oh.'], { ...tool, execute })
    expect((await stream.result).text).toBe('Oh.')
    expect(execute).not.toHaveBeenCalled()
    expect(prompts[1]).toContain(`tool: ${content}`)
  })

  test.each<[string, () => unknown, string]>([
    [
      'an error that they throw',
      () => {
        throw new Error('no wind')
      },
      'Error: no wind',
    ],
    ['a promise that rejects', () => Promise.reject('lost'), 'Error: lost'],
    ['a result that is no JSON', () => 1n, 'Error: '],
    ['nothing', () => undefined, 'null'],
    ['a text', () => 'calm', 'calm'],
  ])('give the model %s', async (_, execute, content) => {
    const { stream, prompts } = run([call('{}'), 'Oh.'], { execute })
    expect((await stream.result).text).toBe('Oh.')
    expect(prompts[1]).toContain(`tool: ${content}`)
  })

  test('are called in as many texts as allowed', async () => {
    const execute = vi.fn(() => 'again')
    const { stream, prompts } = run([call('{}')], { execute }, { maxSteps: 3 })
    const { toolCalls } = await stream.result
    expect([prompts.length, execute.mock.calls.length, toolCalls?.length]).toEqual([3, 2, 1])
    await run([call('{}')], { execute }).stream.result
    expect(execute).toHaveBeenCalledTimes(2 + 7)
  })

  test('without execute end the text with their calls', async () => {
    const { stream, prompts } = run([call('{"at":"sea"}')], { parameters })
    expect(await stream.result).toMatchObject({
      text: '',
      toolCalls: [{ function: { name: 'weather', arguments: '{"at":"sea"}' } }],
    })
    expect(prompts).toHaveLength(1)
    const { stream: mixed } = run(
      [call('{}')],
      { execute: () => '' },
      {
        tools: { weather: {}, other: { execute: () => '' } },
      },
    )
    expect((await mixed.result).toolCalls).toHaveLength(1)
  })

  test('are as the guide shows them', async () => {
    const example = block(await readDocument('web/README.md'), 'js', 'execute: async')
    const fetched: string[] = []
    const fetch = async (url: string) => {
      fetched.push(url)
      return Response.json({ wind: 9 })
    }
    const appended: string[] = []
    const document = { body: { append: (text: string) => appended.push(text) } }
    const model = modelOf(call('{"at":"sea"}'), 'It is stormy.')
    const run = new Function(
      'model',
      'fetch',
      'document',
      `return (async () => {${example}; return messages})()`,
    )
    const messages: { role: string }[] = await run(model, fetch, document)
    expect([fetched, appended.join('')]).toEqual([['/weather?at=sea'], 'It is stormy.'])
    expect(messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'tool', 'assistant'])
  })

  test('are called where the page demands it, once, with arguments that fit', async () => {
    const schema = { ...parameters, properties: { at: { enum: ['sea', 'land'] } } }
    for (const toolChoice of ['required', { name: 'weather' }] as const) {
      const execute = vi.fn((_: object) => 'stormy')
      const tool = { parameters: schema, execute }
      const texts = ['I do not look.', 'It is stormy.']
      const { stream, prompts } = run(texts, tool, { toolChoice, parallelToolCalls: false })
      expect(await stream.result).toMatchObject({ text: 'It is stormy.', finish: 'stop' })
      expect(execute.mock.calls[0]?.[0]).toEqual({ at: expect.stringMatching(/^(?:sea|land)$/) })
      expect([prompts.length, execute.mock.calls.length]).toEqual([2, 1])
    }
  })

  test('are not there where the page forbids them', async () => {
    const { stream, prompts } = run([call('{}')], { execute: () => '' }, { toolChoice: 'none' })
    expect((await stream.result).text).toBe(call('{}'))
    expect(prompts[0]).not.toContain('tools:')
  })

  test('are aborted with the text, though they never end', async () => {
    const controller = new AbortController()
    let told: AbortSignal | undefined
    const execute: Tool['execute'] = (_, { signal }) => {
      told = signal
      setImmediate(() => controller.abort())
      return new Promise(() => {})
    }
    const model = modelOf(call('{}'), 'Oh.')
    const stream = model.generate(
      { messages: ask, tools: { weather: { execute } } },
      { signal: controller.signal },
    )
    await expect(stream.result).rejects.toMatchObject({ code: 'aborted' })
    expect(told?.aborted).toBe(true)
    expect(model.prompts).toHaveLength(1)
  })

  test('are not asked again when the reader has left', async () => {
    const execute = vi.fn(() => 'again')
    const { stream, prompts } = run([`So ${call('{}')}`], { execute })
    for await (const { text } of stream) if (text !== '') break
    expect((await stream.result).finish).toBe('stop')
    expect(prompts).toHaveLength(1)
    expect(execute).not.toHaveBeenCalled()
  })

  test.each<[string, object]>([
    ['with a field that there is not', { tools: { weather: { run: () => '' } } }],
    ['whose execute is no function', { tools: { weather: { execute: 'now' } } }],
    ['in a list', { tools: [{ execute: () => '' }] }],
    ['of another name, which is demanded', { toolChoice: { name: 'wether' } }],
    ['by an unknown choice', { toolChoice: 'any' }],
    ['in no text', { tools: { weather: { execute: () => '' } }, maxSteps: 0 }],
    [
      'whose parameters are no schema',
      { tools: { weather: { parameters: { $ref: '#/nowhere' }, execute: () => '' } } },
    ],
    ['beside a prompt', { messages: undefined, prompt: 'a', tools: { weather: { execute: () => '' } } }],
  ])('are refused %s', async (_, more) => {
    const refused = async () => run([call('{}')], {}, more).stream.result
    await expect(refused()).rejects.toMatchObject({ code: expect.stringMatching(/^input_/) })
  })
})

import { generateText, stepCountIs, streamText, tool } from 'ai'
import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { createLanguageModel } from '../../web/adapters/ai/language-model.ts'
import { type ScriptedModelOptions, scriptedModel } from '../support/scripted-model.ts'

const languageModel = (options: ScriptedModelOptions) =>
  createLanguageModel('scripted', async () => scriptedModel(options))

describe('the AI SDK gets a thought', () => {
  const output = { reasoning: { open: '<think>', close: '</think>' } }
  const thinking = { text: 'user: ab\n<think>\nIs it?\n</think>\n\nIt is.', output }

  test('apart from the text', async () => {
    const { text, reasoningText, usage } = await generateText({
      model: languageModel(thinking),
      prompt: 'ab',
    })
    expect([reasoningText, text]).toEqual(['Is it?', 'It is.'])
    const { reasoningTokens = 0, textTokens = 0 } = usage.outputTokenDetails
    expect(reasoningTokens).toBeGreaterThan(6)
    expect(reasoningTokens + textTokens).toBe(usage.outputTokens)
  })

  test('streamed before the text', async () => {
    const { fullStream } = streamText({ model: languageModel(thinking), prompt: 'ab' })
    const types: string[] = []
    for await (const { type } of fullStream) if (types.at(-1) !== type) types.push(type)
    expect(types).toEqual([
      'start',
      'start-step',
      'reasoning-start',
      'reasoning-delta',
      'reasoning-end',
      'text-start',
      'text-delta',
      'text-end',
      'finish-step',
      'finish',
    ])
  })
})

describe('the AI SDK’s tools', () => {
  const calling = {
    output: { tools: 'hermes' },
    reply: (prompt: string) =>
      prompt.includes('tool: ')
        ? `It is ${prompt.split('tool: ')[1]?.trim()}.`
        : 'I look.\n<tool_call>{"name": "weather", "arguments": {"at": "sea"}}</tool_call>',
  } as const
  const weather = tool({
    description: 'Tells the weather',
    inputSchema: z.object({ at: z.string() }),
    execute: async ({ at }) => `stormy at ${at}`,
  })
  const settings = () => ({
    model: languageModel(calling),
    prompt: 'How is it?',
    tools: { weather },
    stopWhen: stepCountIs(3),
    maxRetries: 0,
  })

  test('are called and answered, whole and streamed', async () => {
    const { text, steps } = await generateText(settings())
    expect(text).toBe('It is stormy at sea.')
    expect(steps.map(({ finishReason }) => finishReason)).toEqual(['tool-calls', 'stop'])
    expect(steps[0]?.toolCalls).toMatchObject([{ toolName: 'weather', input: { at: 'sea' } }])
    const { fullStream } = streamText(settings())
    const types: string[] = []
    let streamed = ''
    for await (const part of fullStream) {
      if (types.at(-1) !== part.type) types.push(part.type)
      if (part.type === 'text-delta') streamed += part.text
    }
    expect(streamed).toBe('I look.It is stormy at sea.')
    expect(types).toEqual([
      'start',
      'start-step',
      'text-start',
      'text-delta',
      'text-end',
      'tool-input-start',
      'tool-input-delta',
      'tool-input-end',
      'tool-call',
      'tool-result',
      'finish-step',
      'start-step',
      'text-start',
      'text-delta',
      'text-end',
      'finish-step',
      'finish',
    ])
  })

  test('that must be called are, and those that must not are left out', async () => {
    const talking = languageModel({ ...calling, reply: () => 'I do not look, I say: "so" }' })
    const look = tool({ inputSchema: z.object({ at: z.enum(['sea', 'land']) }), execute: async () => '' })
    const once = { ...settings(), tools: { weather: look }, model: talking, stopWhen: stepCountIs(1) }
    for (const toolChoice of ['required', { type: 'tool', toolName: 'weather' }] as const) {
      const { toolCalls, warnings } = await generateText({ ...once, toolChoice })
      expect(toolCalls[0]).toMatchObject({
        toolName: 'weather',
        input: { at: expect.stringMatching(/sea|land/) },
      })
      expect([warnings, toolCalls[0]?.invalid]).toEqual([[], undefined])
    }
    const { text, toolCalls } = await generateText({ ...settings(), toolChoice: 'none' })
    expect(toolCalls).toEqual([])
    expect(text).toContain('<tool_call>')
  })
})

import { generateText, streamText } from 'ai'
import { describe, expect, test } from 'vitest'
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

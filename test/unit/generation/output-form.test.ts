import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { GenerateRequest } from '../../../web/text/tools.ts'
import { createTextGenerator } from '../../../workers/host/text/text-generator.ts'
import { readPrompt } from '../../../workers/host/text/tokenizer/prompt.ts'
import { readTokenizer } from '../../../workers/host/text/tokenizer/tokenizer.ts'
import type { TextRequest, ToolFormat } from '../../../workers/host/text/types.ts'
import { byteFallbackFile, tokenizerFiles } from '../../support/byte-fallback-tokenizer.ts'
import { createManualClock } from '../../support/manual-clock.ts'
import { scriptedContext, scriptedGenerator } from '../../support/scripted-generator.ts'
import { scriptedModel } from '../../support/scripted-model.ts'
import { testModels, withoutTestModels } from '../../support/test-models.ts'

/** A chat template whose generation prompt begins the thought where `enable_thinking` asks for it. */
const qwen =
  "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content.split('</think>')[-1] }}<|im_end|>\n{% endfor %}<|im_start|>assistant\n{% if enable_thinking %}<think>\n{% endif %}"
const mistral = '{% for m in messages %}{{ m.content }}[THINK]-[/THINK]{% endfor %}'
const messages = [{ role: 'user', content: 'ab' }] as const

const smollm = () =>
  JSON.parse(readFileSync(join(testModels ?? '', 'tokenizers', 'smollm', 'tokenizer.json'), 'utf8'))

const read = (tokenizer: object, chat_template: string, output?: Parameters<typeof readTokenizer>[2]) =>
  readTokenizer(
    tokenizerFiles({ 'tokenizer.json': tokenizer, 'tokenizer_config.json': { chat_template } }),
    [0],
    output,
  )

/** What a model writes after `messages`, as a scripted generator gives its tokens. */
function write(
  tokenizer: ReturnType<typeof read>,
  prompt: readonly number[],
  answer: readonly number[],
  tools?: TextRequest['tools'],
) {
  const generator = createTextGenerator({
    tokenizer,
    tokens: scriptedGenerator({ text: '', tokens: [...prompt, ...answer] }),
    contextLength: scriptedContext,
    vocabulary: 50_000,
    defaults: {},
    clock: createManualClock(),
  })
  return generator.generate({ tokens: prompt, isChat: true, tools }).result
}

describe.skipIf(withoutTestModels)('smollm’s tokenizer', () => {
  test.each([
    ['that the model begins', {}, '<think>\nIs it 🦊?\n</think>\n\nIt is.'],
    ['that the template begins', { enable_thinking: true }, 'Is it 🦊?\n</think>\n\nIt is.'],
  ])('gives the thought %s apart', async (_, templateArguments, answer) => {
    const tokenizer = read(smollm(), qwen)
    expect(tokenizer.readsVariable('enable_thinking')).toBe(true)
    expect(tokenizer.readsVariable('reasoning_effort')).toBe(false)
    const prompt = tokenizer.chat(messages, templateArguments)
    const { text, reasoning, usage, tokens } = await write(tokenizer, prompt, tokenizer.encode(answer, false))
    expect([reasoning, text]).toEqual(['Is it 🦊?', 'It is.'])
    expect(usage.reasoningTokens).toBeLessThan(tokens.length)
    expect(tokenizer.encode(answer.split('It is.')[0] ?? '', false).length).toBeGreaterThanOrEqual(
      usage.reasoningTokens,
    )
  })
})

test('markers that are special tokens are found, and others stay hidden', async () => {
  const special = (id: number, content: string) => ({ id, content, special: true, normalized: false })
  const file = {
    ...byteFallbackFile,
    added_tokens: [
      ...byteFallbackFile.added_tokens,
      special(261, '[THINK]'),
      special(262, '[/THINK]'),
      special(263, '[X]'),
    ],
  }
  const tokenizer = read(file, mistral)
  expect(tokenizer.output).toEqual({ reasoning: { open: '[THINK]', close: '[/THINK]' } })
  const [a = 0, b = 0] = [...tokenizer.encode('a', false), ...tokenizer.encode('b', false).slice(-1)]
  const answer = [261, a, 263, 262, b, 261]
  const { text, reasoning } = await write(tokenizer, tokenizer.chat(messages), answer)
  expect([reasoning?.trim(), text]).toEqual(['a', 'b[THINK]'])
})

test('a manifest names the markers where no template shows them', () => {
  const reasoning = { open: '<thought>', close: '</thought>' }
  expect(read(byteFallbackFile, '{{ messages }}').output).toEqual({})
  expect(read(byteFallbackFile, qwen, { reasoning }).output).toEqual({ reasoning })
})

test('a page hands variables to the template, such as whether to think', async () => {
  const tokenizer = read(byteFallbackFile, qwen)
  const prompts: (readonly number[])[] = []
  const model = scriptedModel({ tokenizer, onRequest: ({ prompt }) => prompts.push(prompt) })
  for (const enable_thinking of [true, false])
    await model.generate({ messages, templateArguments: { enable_thinking }, maxTokens: 1 }).result
  expect(prompts).toEqual([tokenizer.chat(messages, { enable_thinking: true }), tokenizer.chat(messages)])
  for (const wrong of [
    { messages, templateArguments: ['enable_thinking'] },
    { messages, templateArguments: { now: () => 1 } },
    { prompt: 'a', templateArguments: { enable_thinking: true } },
  ])
    await expect(model.generate(wrong as GenerateRequest).result).rejects.toMatchObject({
      code: 'input_value_invalid',
    })
})

describe('calls of tools', () => {
  const weather = { description: 'Tells the weather', parameters: { type: 'object', properties: {} } }
  const toolTemplate =
    '{% if tools %}<tools>{% for t in tools %}{{ t | tojson }}{% endfor %}</tools>{% endif %}{% for m in messages %}{{ m.content }}{% if m.tool_calls %}<tool_call>{{ m.tool_calls | tojson }}</tool_call>{% endif %}{% endfor %}'
  const prompted = (chat_template: unknown) => {
    const tokenizer = readTokenizer(
      tokenizerFiles({ 'tokenizer.json': byteFallbackFile, 'tokenizer_config.json': { chat_template } }),
      [0],
    )
    return tokenizer.decode(readPrompt({ messages, tools: { weather } }, tokenizer, 1_000).tokens)
  }
  const listed =
    '<tools>{"type": "function", "function": {"name": "weather", "description": "Tells the weather", "parameters": {"type": "object", "properties": {}}}}</tools>ab'

  test.each<[string, string, ToolFormat | undefined]>([
    ['Qwen', toolTemplate, 'hermes'],
    ['Mistral', '{{ tools }}[TOOL_CALLS] [', 'mistral'],
    ['Llama', '{"name": function name, "parameters": {}}{% if m.role == "ipython" %}', 'llama3_json'],
    ['Qwen Coder', '<tool_call>\n<function={{ f.name }}>', undefined],
    ['SmolLM', qwen, undefined],
  ])('are read off the template of %s', (_, template, expected) => {
    expect(read(byteFallbackFile, template).output.tools).toBe(expected)
    expect(read(byteFallbackFile, template, { tools: 'mistral' }).output.tools).toBe('mistral')
  })

  test('need their tools in the prompt', () => {
    expect(prompted(toolTemplate)).toBe(listed)
    const named = [
      { name: 'default', template: '{{ messages[0].content }}' },
      { name: 'tool_use', template: toolTemplate },
    ]
    expect(prompted(named)).toBe(listed)
  })

  test('are refused where the template leaves the tools out', () => {
    const refusal = expect.objectContaining({
      code: 'not_supported',
      detail: expect.objectContaining({ param: 'tools' }),
    })
    const unused = `{% if tools and false %}{{ tools }}{% endif %}<tool_call>{{ messages[0].content }}`
    for (const template of [qwen, unused, '{{ tools }}{{ messages[0].content }}'])
      expect(() => prompted(template)).toThrow(refusal)
    expect(() => prompted(undefined)).toThrow(expect.objectContaining({ code: 'not_supported' }))
  })

  describe.skipIf(withoutTestModels)('of smollm’s tokens', () => {
    test('come apart from the text', async () => {
      const tokenizer = read(smollm(), toolTemplate)
      const { tokens: prompt } = readPrompt({ messages, tools: { weather } }, tokenizer, 1_000)
      const answer = 'I look.\n<tool_call>\n{"name": "weather", "arguments": {"at": "🌊"}}\n</tool_call>'
      const { text, toolCalls, finish, tokens } = await write(
        tokenizer,
        prompt,
        tokenizer.encode(answer, false),
        {
          weather,
        },
      )
      expect([text, finish]).toEqual(['I look.', 'stop'])
      expect(toolCalls).toMatchObject([{ function: { name: 'weather', arguments: '{"at":"🌊"}' } }])
      expect(tokenizer.decode(tokens)).toBe(answer)
    })
  })
})

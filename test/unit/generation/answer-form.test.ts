import { readFileSync } from 'node:fs'
import Ajv from 'ajv/dist/2020.js'
import { describe, expect, test } from 'vitest'
import { createTextGenerator } from '../../../workers/host/text/text-generator.ts'
import { readTokenizer } from '../../../workers/host/text/tokenizer/tokenizer.ts'
import type { OutputForm, TextRequest } from '../../../workers/host/text/types.ts'
import { tokenizerFiles } from '../../support/byte-fallback-tokenizer.ts'
import { createManualClock } from '../../support/manual-clock.ts'
import { scriptedContext, scriptedGenerator } from '../../support/scripted-generator.ts'
import { tokenizerOf } from '../../support/scripted-tokenizer.ts'
import { seeded } from '../../support/seeded.ts'

const weather = {
  type: 'object',
  properties: {
    at: { enum: ['sea', 'land'] },
    days: { type: 'array', items: { type: 'integer', minimum: 1, maximum: 9 }, minItems: 1, maxItems: 3 },
  },
  required: ['at', 'days'],
  additionalProperties: false,
}
const ask = {
  type: 'object',
  properties: { who: { type: 'string', maxLength: 5 } },
  required: ['who'],
  additionalProperties: false,
}
const tools = { weather: { parameters: weather }, ask: { parameters: ask } }
const fits: Readonly<Record<string, (value: unknown) => boolean>> = {
  weather: new Ajv().compile(weather),
  ask: new Ajv().compile(ask),
}

const bard = JSON.parse(readFileSync('models/catalogue/bard/tokenizer.json', 'utf8'))
/** Markers that are special tokens, as Mistral and Llama have them. */
const markers = ['[TOOL_CALLS]', '[ARGS]', '<|python_tag|>']
const size = 3_072 + markers.length
const added = markers.map((content, at) => ({ id: 3_072 + at, content, special: true, normalized: false }))
const files = tokenizerFiles({
  'tokenizer.json': { ...bard, added_tokens: [...bard.added_tokens, ...added] },
})

/** A model that writes random tokens, where it may. */
function randomModel(output: OutputForm, seed: number) {
  const random = seeded(seed)
  const tokens = Array.from({ length: 2_000 }, () => Math.floor(random() * size))
  const generator = createTextGenerator({
    tokenizer: readTokenizer(files, [0], output),
    tokens: scriptedGenerator({ text: '', tokens }),
    contextLength: 2_000,
    vocabulary: size,
    defaults: {},
    clock: createManualClock(),
  })
  return (request: Partial<TextRequest>) =>
    generator.generate({ tokens: [5], isChat: true, maxTokens: 120, ...request } as TextRequest).result
}

/** A model of characters that writes this text, where it may. */
function model(text: string, output: OutputForm) {
  const generator = createTextGenerator({
    tokenizer: tokenizerOf(output),
    tokens: scriptedGenerator({ text: `ab${text}` }),
    contextLength: scriptedContext,
    vocabulary: 0x80,
    defaults: {},
    clock: createManualClock(),
  })
  const begin = tokenizerOf().encode('ab', false)
  return {
    begin,
    write: (request: Partial<TextRequest>) =>
      generator.generate({ tokens: begin, isChat: true, ...request } as TextRequest).result,
  }
}

const families = ['hermes', 'llama3_json', 'mistral'] as const

describe.each(families)('calls in the format %s', (family) => {
  test('that must be made fit their schemas, whatever the model would write', async () => {
    for (const seed of [1, 2, 3]) {
      const write = randomModel({ tools: family }, seed)
      const { text, toolCalls = [], finish } = await write({ tools, toolChoice: 'required' })
      // A long list of calls may end in the middle of one, which is then the text.
      if (finish === 'stop') expect([text, toolCalls.length > 0]).toEqual(['', true])
      for (const { function: call } of toolCalls) {
        // Bytes that are no UTF-8 become replacement characters, which count otherwise. Trained models write none.
        if (call.arguments.includes('\ufffd')) continue
        expect(fits[call.name]?.(JSON.parse(call.arguments)), call.arguments).toBe(true)
      }
    }
  })

  test('of a name are one call of it', async () => {
    for (const name of ['ask', 'weather'] as const) {
      const write = randomModel({ tools: family }, 5)
      const { text, toolCalls = [], finish } = await write({ tools, toolChoice: { name } })
      expect([text, toolCalls.map((call) => call.function.name), finish]).toEqual(['', [name], 'stop'])
    }
  })

  test('are one where several may not come', async () => {
    for (const seed of [6, 7]) {
      const write = randomModel({ tools: family }, seed)
      const { toolCalls } = await write({ tools, toolChoice: 'required', parallelToolCalls: false })
      expect(toolCalls).toHaveLength(1)
    }
  })

  test('go on from any of their tokens', async () => {
    const write = randomModel({ tools: family }, 8)
    const request = { tools, toolChoice: { name: 'weather' } } as const
    const { tokens, toolCalls } = await write(request)
    for (const at of [1, 7, tokens.length - 1]) {
      const rest = await write({ ...request, tokens: [5, ...tokens.slice(0, at)], generated: at })
      expect(rest.tokens).toEqual(tokens.slice(at))
      expect(rest.toolCalls).toMatchObject([{ function: toolCalls?.[0]?.function }])
    }
  })
})

const written = {
  hermes: '<tool_call>\n{"name": "ask", "arguments": {"whom": 5}}\n</tool_call>',
  llama3_json: '{"name": "ask", "parameters": {"whom": 5}}',
  mistral: '[TOOL_CALLS] [{"name": "ask", "arguments": {"whom": 5}}]',
}

describe.each(families)('strict tools of the format %s', (family) => {
  const strict = { ...tools, ask: { parameters: ask, strict: true } }
  const output = { tools: family }

  test('leave text free, and hold the arguments of calls', async () => {
    const text = 'Is it [1] <b> {so}?'
    expect(await model(text, output).write({ tools: strict })).toMatchObject({ text, finish: 'stop' })
    const request = { tools: strict, parallelToolCalls: false, maxTokens: 150 }
    const { toolCalls = [] } = await model(written[family], output).write(request)
    expect(toolCalls).not.toEqual([])
    for (const { function: call } of toolCalls)
      expect(fits.ask?.(JSON.parse(call.arguments)), call.arguments).toBe(true)
    const loose = await model(written[family], output).write({ tools, maxTokens: 150 })
    expect(loose.toolCalls).toMatchObject([{ function: { name: 'ask', arguments: '{"whom":5}' } }])
  })

  test('may be called in place of a text that has a format', async () => {
    const format = { type: 'json_schema', schema: { const: [7] } } as const
    const json = await model('[7]', output).write({ tools, format })
    expect([json.text, json.toolCalls]).toEqual(['[7]', undefined])
    const called = await model(written[family], output).write({ tools, format })
    expect([called.text, called.toolCalls?.length]).toEqual(['', 1])
  })
})

describe('a thought', () => {
  const output = { reasoning: { open: '<think>', close: '</think>' }, tools: 'hermes' } as const
  const format = { type: 'json_schema', schema: { type: 'object', properties: { a: { const: 1 } } } } as const

  test('is free of the format of the text after it', async () => {
    const { write } = model('<think>\nIs {it} "so"?\n</think>\n\n{"a": 1}', output)
    expect(await write({ format })).toMatchObject({
      reasoning: 'Is {it} "so"?',
      text: '{"a": 1}',
      finish: 'stop',
    })
    expect(await model('{"a": 1}', output).write({ format })).toMatchObject({ text: '{"a": 1}' })
  })

  test('that the prompt opened or closed is known', async () => {
    const { write, begin } = model('<think>\nSo.</think>{"a": 1}', output)
    const tokens = [...begin, ...tokenizerOf().encode('<think>\n', false)]
    expect(await write({ tokens, format })).toMatchObject({ reasoning: 'So.', text: '{"a": 1}' })
    const closed = [...begin, ...tokenizerOf().encode('<think></think>\n', false)]
    const { text, reasoning } = await write({ tokens: closed, format })
    expect(reasoning).toBeUndefined()
    expect(JSON.parse(text)).toEqual(text.includes('a') ? { a: 1 } : {})
  })

  test('is free before calls that must be made', async () => {
    const { write } = model('<think>I call <tool_call> x</think>\n', output)
    const { reasoning, text, toolCalls } = await write({ tools, toolChoice: { name: 'weather' } })
    expect([reasoning, text]).toEqual(['I call <tool_call> x', ''])
    expect(fits.weather?.(JSON.parse(toolCalls?.[0]?.function.arguments ?? ''))).toBe(true)
  })

  test('goes on elsewhere in its middle, and at its end', async () => {
    const answer = '<think>\nSo {it} is.</think>{"a": 1}'
    const { write, begin } = model(answer, output)
    for (const at of [3, 12, answer.indexOf('{"'), answer.length - 2]) {
      const soFar = tokenizerOf().encode(answer.slice(0, at), false)
      const rest = await write({ format, tokens: [...begin, ...soFar], generated: at })
      expect(rest.tokens).toEqual(tokenizerOf().encode(answer.slice(at), false))
    }
  })
})

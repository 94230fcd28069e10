/** Forms of texts, asked for by OpenAI's client of a server with real lanes and a real model. */
import Ajv from 'ajv/dist/2020.js'
import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startServer, type TestServer } from '../../support/server.ts'

const schema = {
  type: 'object',
  properties: {
    hero: { type: 'string', maxLength: 8 },
    age: { type: 'integer', minimum: 1, maximum: 99 },
    end: { enum: ['happy', 'sad'] },
  },
  required: ['hero', 'age', 'end'],
  additionalProperties: false,
}
const fits = new Ajv().compile(schema)

let server: TestServer
let client: OpenAI
beforeAll(async () => {
  server = await startServer()
  client = new OpenAI({ apiKey: 'none', baseURL: new URL('v1', server.url).href, maxRetries: 0 })
})
afterAll(() => server?.stop())

const ask = { model: 'bard', prompt: 'Once upon a time', max_tokens: 200, seed: 3 }

describe('structured outputs by the openai package', () => {
  test('response_format holds a completion to a schema, whole and streamed, with several texts', async () => {
    const response_format = { type: 'json_schema', json_schema: { name: 'tale', strict: true, schema } }
    const answer = await client.completions.create({ ...ask, n: 3, ...Object({ response_format }) })
    for (const { text, finish_reason } of answer.choices) {
      expect(finish_reason).toBe('stop')
      expect(fits(JSON.parse(text)), text).toBe(true)
    }
    const stream = await client.completions.create({
      ...ask,
      stream: true,
      ...({ response_format } as object),
    })
    let text = ''
    for await (const { choices } of stream) text += choices[0]?.text ?? ''
    expect(text).toBe(answer.choices[0]?.text)
  })

  test('a text that meets its most tokens ends as length', async () => {
    const response_format = { type: 'json_object' }
    const answer = await client.completions.create({ ...ask, max_tokens: 3, ...Object({ response_format }) })
    expect(answer.choices[0]).toMatchObject({ finish_reason: 'length', text: expect.stringMatching(/^\{/) })
  })

  test.each<[string, object, RegExp]>([
    ['guided_choice', { guided_choice: ['north', 'south'] }, /^(?:north|south)$/],
    ['guided_regex', { guided_regex: '[A-Z][a-z]{3}\\.' }, /^[A-Z][a-z]{3}\.$/],
    ['guided_grammar', { guided_grammar: 'root ::= "(" [0-9]+ ")"' }, /^\([0-9]+\)?$/],
    ['structured_outputs', { structured_outputs: { json: { const: [1] } } }, /^\[1\]$/],
  ])("vLLM's %s", async (_field, fields, form) => {
    const answer = await client.completions.create({ ...ask, max_tokens: 30, ...fields })
    expect(answer.choices[0]?.text).toMatch(form)
  })

  test.each<[string, object, string, string]>([
    ['a keyword', { guided_json: { type: 'array', uniqueItems: true } }, 'not_supported', 'uniqueItems'],
    [
      'a contradiction',
      { guided_json: { type: 'integer', minimum: 3, maximum: 2 } },
      'input_value_invalid',
      'contradicts',
    ],
    ['a megabyte', { guided_json: { const: 'x'.repeat(70_000) } }, 'input_value_invalid', 'too long'],
    ['a broken expression', { guided_regex: '[a-z' }, 'input_value_invalid', 'Unclosed'],
    [
      'a broken grammar',
      { guided_grammar: 'root ::= missing' },
      'input_value_invalid',
      '"missing" is not defined',
    ],
    ['a grammar of nothing', { guided_grammar: 'root ::= root "a"' }, 'input_value_invalid', 'no token'],
    ['two forms', { guided_regex: 'a', guided_choice: ['a'] }, 'request_malformed', 'one form'],
    [
      'no schema',
      { response_format: { type: 'json_schema', json_schema: {} } },
      'request_malformed',
      'schema',
    ],
    ['another form', { structured_outputs: { structural_tag: '{}' } }, 'not_supported', 'structural_tag'],
  ])('%s is refused with 400', async (_what, fields, code, words) => {
    const refusal = await client.completions.create({ ...ask, ...fields }).catch((cause) => cause)
    expect(refusal).toMatchObject({ status: 400, code, message: expect.stringContaining(words) })
  })
})

import { describe, expect, test } from 'vitest'
import * as z from 'zod/mini'
import { parseManifest, SpillwayError, schemaError } from '../../models/core/index.ts'
import { inferRequest } from '../../models/protocols/oip-schemas.ts'
import { chatRequest, completionRequest, embeddingRequest } from '../../models/protocols/openai.ts'
import { readConfig } from '../../server/config.ts'
import { bardManifest } from '../support/bard-variants.ts'
import { digitsManifest } from '../support/test-models.ts'

/** Values that some place of a schema does not take: each kind, and numbers and strings at their bounds. */
const wrong: readonly unknown[] = [null, true, 'x', '', -1, 1.5, 1e300, [], [[]], {}, [{}], { a: 1 }]

/** The value with one of its parts replaced, left out or added, for each part and each replacement. */
function* faulty(value: unknown): Generator<unknown> {
  yield* wrong
  if (typeof value !== 'object' || value === null) return
  for (const [key, inner] of Object.entries(value)) {
    for (const changed of faulty(inner)) {
      if (Array.isArray(value)) yield value.map((one, index) => (index === Number(key) ? changed : one))
      else yield { ...value, [key]: changed }
    }
    if (!Array.isArray(value)) yield { ...value, [key]: undefined }
  }
  if (!Array.isArray(value)) yield { ...value, unknownField: 1 }
}

/** Words that say nothing to a reader, and slips of templates. */
const slips = [
  /invalid input/i,
  /\bundefined\b/,
  /\bNaN\b/,
  /\[object/,
  /zod|schema error/i,
  /\.\./,
  /[.:,]\s*[.:,]/,
  /: $/,
  / {2}/,
  /\b1 (?:\w+ )?(?:tokens|rows|elements|bytes|files|inputs|characters|numbers|strings|fields)\b/,
]

function expectClear(message: string): void {
  // Quoted values and patterns are not ours to word.
  const words = message.replace(/"[^"]*"/g, '""').replace(/ matches \/.*?\/(?=,|$)/g, ' matches //')
  for (const slip of slips) expect(words).not.toMatch(slip)
  expect(message).toMatch(/expected \S/)
}

const request = { model: 'm', n: 1, stop: ['a'], logit_bias: { 5: 1 }, stream_options: {}, temperature: 1 }
const call = { id: 'c', type: 'function', function: { name: 'f', arguments: '{}' } }
const schemas: Readonly<Record<string, readonly [z.ZodMiniType, unknown]>> = {
  'a chat': [
    chatRequest,
    {
      ...request,
      messages: [
        { role: 'user', content: [{ type: 'text', text: 'a' }] },
        { role: 'assistant', tool_calls: [call] },
      ],
      chat_template_kwargs: {},
    },
  ],
  'a completion': [completionRequest, { ...request, prompt: ['a'], logprobs: 1, echo: true }],
  'an embedding': [embeddingRequest, { model: 'm', input: ['a'], encoding_format: 'float', dimensions: 4 }],
  'a run': [
    inferRequest,
    {
      id: 'a',
      parameters: { timeout: 1 },
      inputs: [{ name: 'a', shape: [1], datatype: 'FP32', data: [1], parameters: {} }],
      outputs: [{ name: 'b', parameters: {} }],
    },
  ],
}

describe('an error says what was expected and what came, whatever is wrong', () => {
  test.each(Object.entries(schemas))('with %s', (_, [schema, valid]) => {
    expect(z.safeParse(schema, valid).success).toBe(true)
    let faults = 0
    for (const value of faulty(valid)) {
      const parsed = z.safeParse(schema, value)
      if (parsed.success) continue
      faults++
      const { message } = schemaError('request_malformed', 'The request', parsed.error, value)
      expectClear(message)
      expect(message).toContain(', got ')
    }
    expect(faults).toBeGreaterThan(20)
  })

  test.each([
    ['digits', digitsManifest],
    ['bard', bardManifest],
  ])('with the manifest of %s', (_, manifest) => {
    let faults = 0
    for (const value of faulty(manifest)) {
      try {
        parseManifest(value, 'a test')
      } catch (cause) {
        faults++
        expect(cause).toBeInstanceOf(SpillwayError)
        expectClear(String(cause))
      }
    }
    expect(faults).toBeGreaterThan(100)
  })

  test('with the environment', () => {
    for (const name of ['PORT', 'SPILLWAY_BACKEND', 'SPILLWAY_MAX_BODY_BYTES', 'SPILLWAY_HUNG_SECONDS'])
      for (const value of ['x', '-1', '1.5', '1e300', ' ']) {
        try {
          readConfig({ [name]: value })
        } catch (cause) {
          expectClear(String(cause))
        }
      }
  })
})

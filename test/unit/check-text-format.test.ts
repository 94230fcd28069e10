import { describe, expect, test } from 'vitest'
import { checkTextFormat } from '../../models/core/check-format.ts'
import type { TextFormat } from '../../models/core/text-format.ts'

const refusal = (format: unknown) => {
  try {
    checkTextFormat(format as TextFormat)
    return undefined
  } catch (cause) {
    return cause
  }
}
const ofSchema = (schema: unknown) => refusal({ type: 'json_schema', schema })
const kind = (name: string) => ({
  type: 'object',
  properties: { kind: { const: name } },
  required: ['kind'],
})

describe('a format is refused', () => {
  test.each<[what: string, format: unknown, code: string, words: string]>([
    ['without a type', {}, 'input_value_invalid', 'format.type'],
    ['with a field of another', { type: 'json_object', regex: 'a' }, 'input_name_invalid', 'regex'],
    ['without its field', { type: 'grammar' }, 'input_value_invalid', 'format.grammar'],
    ['with no choice', { type: 'choice', choice: [] }, 'input_value_invalid', 'format.choice'],
    [
      'with letters past ASCII in a class',
      { type: 'regex', regex: '[а-я]+' },
      'not_supported',
      'format.regex',
    ],
    ['of a megabyte', { type: 'regex', regex: 'a'.repeat(1_000_000) }, 'input_value_invalid', 'too long'],
  ])('%s', (_what, format, code, words) => {
    expect(refusal(format)).toMatchObject({ code, message: expect.stringContaining(words) })
  })
})

describe('a schema is refused', () => {
  test.each<[what: string, schema: unknown, param: string]>([
    ['with patternProperties', { type: 'object', patternProperties: {} }, 'schema.patternProperties'],
    ['with not, deep in it', { items: { properties: { a: { not: {} } } } }, 'schema.items.properties.a.not'],
    [
      'with a property that is required and not listed',
      { type: 'object', required: ['a'] },
      'schema.required',
    ],
    ['with anyOf beside properties', { anyOf: [true], properties: {} }, 'schema.properties'],
    ['with oneOf of alike ones', { oneOf: [kind('a'), kind('a')] }, 'schema.oneOf'],
    ['with a fraction as bound', { type: 'number', minimum: 0.5 }, 'schema.minimum'],
    ['with an unknown format', { type: 'string', format: 'iban' }, 'schema.format'],
    ['with a pattern that has quotes', { type: 'string', pattern: 'a"b' }, 'schema.pattern'],
  ])('%s, which the error names', (_what, schema, param) => {
    expect(ofSchema(schema)).toMatchObject({ code: 'not_supported', detail: { param: `format.${param}` } })
  })

  test.each<[what: string, schema: unknown]>([
    ['minLength above maxLength', { type: 'string', minLength: 3, maxLength: 2 }],
    ['no whole number between its bounds', { type: 'integer', exclusiveMinimum: 1, exclusiveMaximum: 2 }],
    ['an enum of another type', { type: 'string', enum: [1] }],
    ['more items than it lists', { prefixItems: [true], items: false, minItems: 2 }],
    ['false', false],
  ])('that contradicts itself: %s', (_what, schema) => {
    expect(ofSchema(schema)).toMatchObject({
      code: 'input_value_invalid',
      message: expect.stringContaining('contradicts'),
    })
  })

  test('not where it only describes, refers to a part of itself, or has alternatives that differ', () => {
    expect(ofSchema(true)).toBeUndefined()
    expect(
      ofSchema({ $schema: 'x', title: 'y', description: 'z', default: 1, type: 'integer' }),
    ).toBeUndefined()
    expect(ofSchema({ $ref: '#/$defs/a', $defs: { a: { items: { $ref: '#/$defs/a' } } } })).toBeUndefined()
    expect(ofSchema({ oneOf: [kind('a'), kind('b'), { type: 'string' }] })).toMatchObject({
      code: 'not_supported',
    })
    expect(ofSchema({ oneOf: [kind('a'), kind('b')] })).toBeUndefined()
    expect(ofSchema({ $ref: '#/missing' })).toMatchObject({ code: 'input_value_invalid' })
  })
})

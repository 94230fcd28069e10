import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import * as z from 'zod/mini'
import { schemaError, schemaFault } from '../../models/core/index.ts'
import { filesBelow } from '../support/files-below.ts'

const small = z.int().check(z.minimum(1), z.maximum(9))
const named = z.strictObject({ name: z.string(), sizes: z.optional(z.array(small)) })
const prompt = z.union([z.string(), z.array(z.string()), z.array(z.object({ id: small }))])

const fault = (schema: z.ZodMiniType, value: unknown) => {
  const { error } = z.safeParse(schema, value)
  if (!error) throw new Error('the schema takes the value')
  return schemaFault(error, value)
}

describe('schemaFault', () => {
  test.each<[string, z.ZodMiniType, unknown, string, string, string]>([
    ['another type', z.string(), 3, '', 'a string', '3'],
    ['another type inside', named, { name: ['a'] }, 'name', 'a string', 'an array of 1 element'],
    ['a missing field', named, {}, 'name', 'a string', 'nothing'],
    ['null', named, null, '', 'an object', 'null'],
    ['a word for a switch', z.boolean(), 'yes', '', 'true or false', '"yes"'],
    ['a fraction', z.int(), 1.5, '', 'an integer', '1.5'],
    ['no number', z.number(), Number.NaN, '', 'a number', 'NaN'],
    [
      'a number that is too small',
      named,
      { name: 'a', sizes: [1, 0] },
      'sizes[1]',
      'a number of at least 1',
      '0',
    ],
    ['a number that is too large', small, 10, '', 'a number of at most 9', '10'],
    ['a number at an open bound', z.number().check(z.gt(0)), 0, '', 'a number above 0', '0'],
    ['a number at an open upper bound', z.number().check(z.lt(1)), 1, '', 'a number below 1', '1'],
    ['an unsafe integer', z.int(), 2 ** 60, '', 'an integer of at most 9007199254740991', `${2 ** 60}`],
    ['a short text', z.string().check(z.minLength(2)), 'a', '', 'a string of at least 2 characters', '"a"'],
    [
      'a long list',
      z.array(z.int()).check(z.maxLength(1)),
      [1, 2],
      '',
      'an array of at most 1 element',
      'an array of 2 elements',
    ],
    [
      'a list of another length',
      z.array(z.int()).check(z.length(2)),
      [1],
      '',
      'an array of exactly 2 elements',
      'an array of 1 element',
    ],
    ['a step between', z.number().check(z.multipleOf(4)), 6, '', 'a multiple of 4', '6'],
    ['none of the values', z.enum(['a', 'b', 'c']), 'd', '', '"a", "b" or "c"', '"d"'],
    ['another constant', z.literal(1), 2, '', '1', '2'],
    [
      'another pattern',
      z.string().check(z.regex(/^[a-z]+$/)),
      'A1',
      '',
      'a string that matches /^[a-z]+$/',
      '"A1"',
    ],
    ['unknown fields', named, { name: 'a', b: 1, c: 2 }, '', 'no other fields', '"b", "c"'],
    [
      'a name of another form',
      z.record(z.string().check(z.regex(/^\d+$/)), z.int()),
      { a: 1 },
      'a',
      'names that are a string that matches /^\\d+$/',
      '"a"',
    ],
    [
      'an element of a map',
      z.map(z.object({}), z.int()),
      new Map([[{}, 'b']]),
      '',
      'elements that are a number',
      'an empty object',
    ],
    ['none of several types', prompt, 3, '', 'a string or an array', '3'],
    ['one of several types that fails inside', prompt, [{ id: 12 }], '[0].id', 'a number of at most 9', '12'],
    [
      'another kind',
      z.discriminatedUnion('kind', [z.object({ kind: z.literal('a') }), z.object({ kind: z.literal('b') })]),
      { kind: 'c' },
      'kind',
      '"a" or "b"',
      '"c"',
    ],
    [
      'what a refinement refuses',
      z.number().check(z.refine((one) => one % 2 === 0, 'an even number')),
      3,
      '',
      'an even number',
      '3',
    ],
    [
      'what a refinement refuses without a word',
      z.number().check(z.refine(() => false)),
      3,
      '',
      'another value',
      '3',
    ],
    ['an object', z.string(), { a: 1, b: 2 }, '', 'a string', 'an object with a, b'],
  ])('names %s, what was expected and what came', (_what, schema, value, path, expected, got) => {
    expect(fault(schema, value)).toEqual({ path, expected, got })
  })

  test('shortens long values', () => {
    const { got } = fault(z.int(), 'x'.repeat(1_000))
    expect(got.length).toBeLessThanOrEqual(60)
    expect(got).toMatch(/^"x+…$/)
  })
})

test('schemaError says what is wrong, where, what was expected, what came and what to do', () => {
  const value = { name: 'a', sizes: [1, 2.5] }
  const { error } = z.safeParse(named, value)
  if (!error) throw new Error('the schema takes the value')
  expect(schemaError('manifest_invalid', 'The manifest', error, value, { hint: 'Mend it.' })).toMatchObject({
    code: 'manifest_invalid',
    message: 'The manifest is not valid at sizes[1]: expected an integer, got 2.5. Mend it.',
  })
})

test('no other file words an error from zod', () => {
  const wording = /prettifyError|flattenError|treeifyError|\bissues?\b[^\n]*\.message/
  const files = ['models', 'workers', 'web', 'server'].flatMap((folder) => filesBelow(folder, '.ts'))
  expect(files.length).toBeGreaterThan(200)
  const others = files.filter(
    (file) => file !== join('models', 'core', 'schema-error.ts') && wording.test(readFileSync(file, 'utf8')),
  )
  expect(others).toEqual([])
})

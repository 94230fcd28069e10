import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { replaceMembers } from '../../server/http/json-members.ts'

describe('replaceMembers', () => {
  test('replaces, adds and removes members of an object', () => {
    const json = '{"model":"a","n":1,"user":"x"}'
    expect(replaceMembers(json, { model: '"b"', user: undefined, stream: 'true' })).toBe(
      '{"model":"b","n":1,"stream":true}',
    )
    expect(replaceMembers(' { } ', { model: '"b"', user: undefined })).toBe('{"model":"b"}')
  })

  test('leaves all other members as they are written', () => {
    const kept = String.raw`"seed":9223372036854775807,"t":1.0,"s":"a\\\"},{","list":[1, {"model":"x"}, "]"],"e":{"a":"}"},"z":-0.0`
    expect(replaceMembers(`{${kept} , "model" : "a" }`, { model: '"b"' })).toBe(`{${kept},"model":"b"}`)
  })

  test('finds a name that is spelt with escapes, and keeps one of two', () => {
    const answer = replaceMembers(String.raw`{"\u006dodel":"a","model":"c"}`, { model: '"b"' })
    expect(JSON.parse(answer)).toEqual({ model: 'b' })
    expect(answer).not.toContain('c')
  })

  test('takes names of the object’s prototype for names like others', () => {
    expect(replaceMembers('{"__proto__":{"a":1},"constructor":2}', { model: '"b"' })).toBe(
      '{"__proto__":{"a":1},"constructor":2,"model":"b"}',
    )
  })

  test('gives what a parser gives, for values of all kinds', () => {
    const values = [null, true, 0, -1.5e-7, '', '"\\', [], {}, [[], [{}]], { a: [1, 'b', { c: null }] }]
    for (const value of values)
      for (const indent of [0, 2]) {
        const json = JSON.stringify({ before: value, model: value, after: value }, null, indent)
        expect(JSON.parse(replaceMembers(json, { model: '1' }))).toEqual({
          before: value,
          model: 1,
          after: value,
        })
      }
  })

  test('gives what a parser gives, for any object', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), fc.jsonValue()),
        fc.string(),
        fc.nat(3),
        (object, name, indent) => {
          const expected: Record<string, unknown> = JSON.parse(JSON.stringify(object))
          const keys = [...Object.keys(object), name]
          const removed = keys[0] ?? ''
          const json = JSON.stringify(object, null, indent)
          const written = replaceMembers(json, { [removed]: undefined, added: '[1]' })
          delete expected[removed]
          if (removed !== 'added') expected.added = [1]
          expect(JSON.parse(written)).toEqual(expected)
        },
      ),
    )
  })
})

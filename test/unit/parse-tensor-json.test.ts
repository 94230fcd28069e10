import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseTensorJson } from '../../server/routes/oip/parse-tensor-json.ts'

/** Lists of numbers as JSON.parse gives them. */
const parse = (text: string) => arrays(parseTensorJson(new TextEncoder().encode(text)))

function arrays(value: unknown): unknown {
  if (value instanceof Float64Array) return Array.from(value)
  if (Array.isArray(value)) return value.map(arrays)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, arrays(inner)]))
}

/** Numbers as clients write them. */
const written = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
  fc.float({ noNaN: true, noDefaultInfinity: true }).map(String),
  fc.integer().map(String),
  fc.tuple(fc.integer(), fc.integer({ min: 0, max: 20 })).map(([value, digits]) => value.toFixed(digits)),
  fc
    .tuple(fc.bigInt({ min: 0n, max: 10n ** 17n }), fc.bigInt({ min: 0n, max: 10n ** 6n }))
    .map(([whole, fraction]) => `${whole}.${fraction}`),
  fc
    .tuple(fc.integer(), fc.constantFrom('e', 'E', 'e+', 'e-'), fc.integer({ min: 0, max: 40 }))
    .map((parts) => parts.join('')),
  fc.constantFrom('-0', '0', '0.0', '-0.5', '1e-7', '0.000000000000000000001', '9007199254740993'),
)

const blank = fc.constantFrom('', '', '', ' ', '\n\t')

const list = fc
  .array(
    fc.tuple(blank, written, blank).map((parts) => parts.join('')),
    { maxLength: 40 },
  )
  .map((numbers) => `[${numbers.join(',')}]`)

describe('A request’s JSON', () => {
  it('is what JSON.parse gives, to the last bit of each number', () => {
    fc.assert(
      fc.property(fc.array(list, { maxLength: 3 }), blank, (lists, space) => {
        const inputs = lists.map(
          (data, index) => `{"name":"i${index}",${space}"data"${space}:${space}${data}}`,
        )
        const text = `{"id":"é \u{1f600}","inputs":[${inputs.join(',')}],"outputs":[]}`
        expect(parse(text)).toStrictEqual(JSON.parse(text))
      }),
      { numRuns: 500 },
    )
  })

  it('may have lists of any length', () => {
    const data = Array.from({ length: 5_000 }, (_, index) => index / 8)
    expect(parse(JSON.stringify({ data, inputs: [{ data: [] }] }))).toStrictEqual({
      data,
      inputs: [{ data: [] }],
    })
  })

  it.each([
    '{"data":[[1,2],[3,4]]}',
    '{"data":[true,false]}',
    '{"data":0,"a":{"data":[7]}}',
    '{"d\\u0061ta":0,"a":{"data":[7]}}',
    '{"note":"\\"data\\":[1]","data":[2]}',
    '{"data":[0.30000000000000004]}',
    '{"data":[1,3e2]}',
    '{"data":null}',
    '{"name":"data","x":"data"}',
    '[{"data":[1]}]',
    '12',
  ])('falls back to JSON.parse for other shapes: %s', (text) => {
    expect(parse(text)).toStrictEqual(JSON.parse(text))
  })

  it.each([
    '',
    '{',
    '{"data":[1,]}',
    '{"data":[,1]}',
    '{"data":[01]}',
    '{"data":[1.]}',
    '{"data":[.5]}',
    '{"data":[-]}',
    '{"data":[+1]}',
    '{"data":[1e]}',
    '{"data":[1 2]}',
    '{"data":[1',
    '{"data":[1]',
    '{"data":[1]]}',
    '{"data":[NaN]}',
    '{"data":[1]} 2',
    '{"data":[1]\u{feff}}',
    '{"data',
  ])('is refused where JSON.parse refuses it: %s', (text) => {
    expect(() => JSON.parse(text)).toThrow(SyntaxError)
    expect(() => parse(text)).toThrow(SyntaxError)
  })
})

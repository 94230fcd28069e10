import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { findTimeout } from '../../server/routes/oip/find-timeout.ts'

const find = (json: string) => findTimeout(Buffer.from(json))
const tensor = { name: 'x', datatype: 'FP32', shape: [2], data: [1, 2] }

describe('the timeout of a request that is not parsed yet', () => {
  test.each([
    ['at its end', { inputs: [tensor], parameters: { timeout: 5000 } }],
    ['at its begin', { parameters: { timeout: 5000 }, inputs: [tensor] }],
    ['between', { id: 'a', parameters: { timeout: 5000 }, outputs: [{ name: 'y' }], inputs: [tensor] }],
    ['beside others', { inputs: [tensor], parameters: { priority: 1, timeout: 5000, own: '{' } }],
    [
      'beside those of its tensors',
      { inputs: [{ ...tensor, parameters: { a: 1 } }], parameters: { timeout: 5000 } },
    ],
  ])('is found %s', (_where, request) => {
    expect(find(JSON.stringify(request))).toBe(5000)
    expect(find(JSON.stringify(request, null, 2))).toBe(5000)
  })

  test('is absent where no member has its name', () => {
    expect(find(JSON.stringify({ inputs: [tensor], parameters: { priority: 1 } }))).toBe('absent')
    expect(find(JSON.stringify({ inputs: [{ ...tensor, data: ['say "timeout": 5'] }] }))).toBe('absent')
  })

  test.each([
    ["a tensor's parameter", { inputs: [{ ...tensor, parameters: { timeout: 1 } }], id: 'a' }],
    [
      "a tensor's parameter before its data",
      { inputs: [{ name: 'x', parameters: { timeout: 1 }, data: [1] }] },
    ],
    ['a string', { inputs: [{ ...tensor, data: ['timeout'] }], parameters: {} }],
    ['the end of a string', { inputs: [{ ...tensor, data: ['a "timeout'] }], parameters: {} }],
    ['a value', { inputs: [tensor], parameters: { mode: 'timeout' } }],
    ['a member of another object', { inputs: [tensor], own: { timeout: 5 } }],
    ['a number that a parser refuses', { inputs: [tensor], parameters: { timeout: -5 } }],
    ['text', { inputs: [tensor], parameters: { timeout: '5' } }],
    ['one of two', { inputs: [{ ...tensor, parameters: { timeout: 1 } }], parameters: { timeout: 5 } }],
  ])('is unclear where it may be %s', (_what, request) => {
    expect(find(JSON.stringify(request))).toBe('unclear')
  })

  test('is never another than what a parser finds', () => {
    const parameters = fc.dictionary(
      fc.constantFrom('timeout', 'parameters', 'a'),
      fc.oneof(fc.nat(), fc.constantFrom('timeout', '"timeout":7}', '{', '}', ',"inputs":', 'parameters')),
    )
    const input = fc.record(
      { name: fc.constant('x'), parameters, data: fc.constant([1]) },
      { requiredKeys: [] },
    )
    const request = fc.record({ id: fc.string(), parameters, inputs: fc.array(input) }, { requiredKeys: [] })
    fc.assert(
      fc.property(request, (value) => {
        const found = find(JSON.stringify(value))
        if (found !== 'unclear') expect(found).toEqual(value.parameters?.timeout ?? 'absent')
      }),
      { numRuns: 2_000 },
    )
  })
})

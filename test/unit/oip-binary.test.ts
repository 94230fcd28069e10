import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { arrayOf, SpillwayError, type Tensor, tensorTypes } from '../../models/core/index.ts'
import { datatypeOf } from '../../models/protocols/oip.ts'
import {
  BinaryReader,
  binaryTensor,
  elementBytes,
  joinBody,
  splitBody,
} from '../../models/protocols/oip-binary.ts'

const numericTypes = tensorTypes.filter((type) => type !== 'string')

const numbers = fc
  .tuple(fc.constantFrom(...numericTypes), fc.uint8Array({ maxLength: 64 }))
  .map(([type, bytes]): Tensor => {
    const array = arrayOf(type)
    const length = Math.floor(bytes.length / array.BYTES_PER_ELEMENT)
    const whole = bytes.slice(0, length * array.BYTES_PER_ELEMENT)
    const data = new array(type === 'bool' ? whole.map((value) => value & 1).buffer : whole.buffer)
    return { type, data, shape: [length] }
  })

const strings = fc
  .array(fc.string({ unit: 'grapheme' }), { maxLength: 6 })
  .map((data): Tensor => ({ type: 'string', data, shape: [data.length] }))

const tensors = fc.array(fc.oneof(numbers, strings), { maxLength: 6 })

const text = (value: unknown) => new TextEncoder().encode(JSON.stringify(value))

describe('binary tensors', () => {
  test('of every type survive unchanged, NaN, half floats and strings included', () => {
    fc.assert(
      fc.property(tensors, fc.boolean(), (sent, isOwned) => {
        const elements = sent.map(elementBytes)
        const wires = sent.map((tensor, index) =>
          binaryTensor(`t${index}`, tensor, elements[index] ?? new Uint8Array()),
        )
        const json = text(wires)
        const { json: head, tensors: rest } = splitBody(joinBody(json, elements), String(json.length))
        const reader = new BinaryReader(rest, isOwned)
        const back = JSON.parse(new TextDecoder().decode(head)).map(reader.read.bind(reader))
        reader.end()
        expect(back.map(elementBytes)).toEqual(elements)
        expect(back.map(({ type, shape }: Tensor) => [type, shape])).toEqual(
          sent.map(({ type, shape }) => [type, shape]),
        )
      }),
    )
  })

  test('any input is read or refused with a SpillwayError, without memory for sizes that it only claims', () => {
    const size = fc.oneof(
      fc.integer(),
      fc.nat(64),
      fc.double(),
      fc.string(),
      fc.boolean(),
      fc.constant(undefined),
    )
    const shape = fc.array(fc.oneof(fc.nat(8), fc.maxSafeNat()), { maxLength: 5 })
    const datatype = fc.oneof(fc.constantFrom(...tensorTypes.map(datatypeOf), 'FP8'), fc.string())
    const header = fc.oneof(
      fc.string(),
      fc.integer().map(String),
      fc.nat(80).map(String),
      fc.double().map(String),
    )
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 80 }),
        header,
        size,
        shape,
        datatype,
        (body, length, bytes, dims, type) => {
          try {
            const { json, tensors } = splitBody(body, length)
            expect(json.length + tensors.length).toBe(body.length)
            const parameters = bytes === undefined ? undefined : { binary_data_size: bytes }
            const tensor = new BinaryReader(tensors).read({
              name: 'x',
              datatype: type,
              shape: dims,
              parameters,
            })
            expect(elementBytes(tensor).length).toBeLessThanOrEqual(body.length)
          } catch (error) {
            expect(error).toBeInstanceOf(SpillwayError)
            expect((error as SpillwayError).status).toBeOneOf([400, 501])
          }
        },
      ),
      { numRuns: 2_000 },
    )
  })

  test.each([
    ['a length past the body', '5'],
    ['a negative length', '-1'],
    ['a fraction', '1.5'],
    ['hexadecimal', '0x2'],
    ['nothing', ''],
    ['a list', '1, 2'],
    ['more digits than a number holds', '9'.repeat(40)],
  ])('refuses %s as the length of the JSON part', (_what, header) => {
    expect(() => splitBody(new Uint8Array(4), header)).toThrow(
      expect.objectContaining({ code: 'request_malformed' }),
    )
  })

  test.each([
    [
      'a size that does not match the shape',
      'FP32',
      [2],
      4,
      'input_size_invalid',
      'binary_data_size 8 for FP32 [2]',
    ],
    ['more than there is', 'FP32', [3], 12, 'input_size_invalid', '8 bytes after the JSON part'],
    ['10^18 elements', 'FP32', [1e9, 1e9], 4e18, 'input_size_invalid', 'after the JSON part'],
    ['a string longer than the body', 'BYTES', [1], 8, 'input_size_invalid', 'four bytes of its length'],
    ['more strings than bytes', 'BYTES', [1e9], 8, 'input_size_invalid', 'four bytes before each string'],
    ['a bool of 2', 'BOOL', [8], 8, 'input_value_invalid', 'BOOL bytes of 0 or 1'],
  ])('refuses %s', (_what, datatype, shape, size, code, message) => {
    const wire = { name: 'x', datatype, shape, parameters: { binary_data_size: size } }
    expect(() => new BinaryReader(new Uint8Array(8).fill(2)).read(wire)).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(message) }),
    )
  })

  test('reads strings as UTF-8 with four bytes of length before each, and refuses other bytes', () => {
    const read = (bytes: number[], shape: number[]) =>
      new BinaryReader(Uint8Array.from(bytes)).read({
        name: 'x',
        datatype: 'BYTES',
        shape,
        parameters: { binary_data_size: bytes.length },
      })
    expect(read([1, 0, 0, 0, 0x41, 0, 0, 0, 0, 2, 0, 0, 0, 0xc3, 0xa9], [3]).data).toEqual(['A', '', 'é'])
    expect(() => read([2, 0, 0, 0, 0xc3, 0x28], [1])).toThrow(
      expect.objectContaining({
        code: 'input_value_invalid',
        message: expect.stringContaining('a string in UTF-8'),
      }),
    )
    expect(() => read([0, 0, 0, 0, 0, 0, 0, 0], [1])).toThrow(
      expect.objectContaining({ code: 'input_size_invalid' }),
    )
  })

  test.each([
    ['a view of owned bytes', 8, 1_000, true, true],
    ['a copy of bytes that others have', 8, 1_000, false, false],
    ['a copy where its elements are not aligned', 9, 1_000, true, false],
    ['a copy where most of the memory is not its', 1_024, 1_000, true, false],
  ])('a tensor is %s', (_what, offset, size, isOwned, isView) => {
    const memory = Uint8Array.from({ length: offset + size }, (_, index) => index % 256)
    const bytes = memory.subarray(offset)
    const wire = { name: 'x', datatype: 'FP32', shape: [size / 4], parameters: { binary_data_size: size } }
    const tensor = new BinaryReader(bytes, isOwned).read(wire)
    expect(elementBytes(tensor)).toEqual(bytes)
    const { buffer } = elementBytes(tensor)
    expect(buffer === memory.buffer).toBe(isView)
  })

  test('refuses bytes that belong to no tensor', () => {
    const reader = new BinaryReader(new Uint8Array(8))
    reader.read({ name: 'x', datatype: 'FP32', shape: [1], parameters: { binary_data_size: 4 } })
    expect(() => reader.end()).toThrow(expect.objectContaining({ code: 'request_malformed' }))
  })
})

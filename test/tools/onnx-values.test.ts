import { create, type MessageInitShape } from '@bufbuild/protobuf'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fromHalf, halvesToFloats, toHalf } from '../../models/core/half.ts'
import { DataType, nameOf } from '../../models/tools/onnx/data-type.ts'
import { type TensorProto, TensorProtoSchema } from '../../models/tools/onnx/generated/onnx_pb.ts'
import { weightOf } from '../../models/tools/onnx/proto-tensor.ts'
import { parseModel } from '../../models/tools/onnx/read.ts'
import { floatsOf, valuesOf } from '../../models/tools/onnx/values.ts'
import { viewBytes } from '../../models/tools/onnx/weight.ts'
import { encode, modelProto, value } from './support/build.ts'

const stored = (dataType: number, count: number, parts: MessageInitShape<typeof TensorProtoSchema>) =>
  create(TensorProtoSchema, { name: 'w', dataType, dims: [BigInt(count)], ...parts })

/** The tensor's values as a weight of the graph, and as a constant in a node. */
function read(tensor: TensorProto): (readonly (number | bigint)[])[] {
  const model = parseModel(
    encode(
      modelProto({
        nodes: [{ op: 'Identity', inputs: ['w'], outputs: ['y'] }],
        inputs: [],
        outputs: [value('y', ['n'])],
        tensors: [tensor],
      }),
    ),
  )
  const weight = model.weights.get('w') ?? expect.fail('no weight')
  return [weight, weightOf(tensor, 'w', 'a test')].map((one) =>
    Array.from(valuesOf(one) as ArrayLike<number>),
  )
}

const raw = (data: ArrayBufferView) => ({ rawData: viewBytes(data) })

describe('a tensor is read as numbers', () => {
  test.each<[number, MessageInitShape<typeof TensorProtoSchema>, readonly (number | bigint)[]]>([
    [DataType.FLOAT, { floatData: [1.5, -2] }, [1.5, -2]],
    [DataType.FLOAT, raw(Float32Array.of(1.5, -2)), [1.5, -2]],
    [DataType.DOUBLE, { doubleData: [1e300, -2] }, [1e300, -2]],
    [DataType.DOUBLE, raw(Float64Array.of(1e300, -2)), [1e300, -2]],
    [DataType.INT64, { int64Data: [-1n, 2n ** 62n] }, [-1n, 2n ** 62n]],
    [DataType.INT64, raw(BigInt64Array.of(-1n, 2n ** 62n)), [-1n, 2n ** 62n]],
    [DataType.UINT64, { uint64Data: [1n, 2n ** 64n - 1n] }, [1n, 2n ** 64n - 1n]],
    [DataType.UINT32, { uint64Data: [1n, 4_294_967_295n] }, [1, 4_294_967_295]],
    [DataType.INT32, { int32Data: [-5, 2 ** 31 - 1] }, [-5, 2 ** 31 - 1]],
    [DataType.INT16, { int32Data: [-5, 32_767] }, [-5, 32_767]],
    [DataType.UINT16, { int32Data: [5, 65_535] }, [5, 65_535]],
    [DataType.INT8, { int32Data: [-128, 127] }, [-128, 127]],
    [DataType.INT8, raw(Int8Array.of(-128, 127)), [-128, 127]],
    [DataType.UINT8, { int32Data: [0, 255] }, [0, 255]],
    [DataType.BOOL, { int32Data: [0, 1] }, [0, 1]],
    [DataType.FLOAT16, { int32Data: [0x3c00, 0xc000] }, [1, -2]],
    [DataType.FLOAT16, raw(Uint16Array.of(0x3c00, 0xc000)), [1, -2]],
    [DataType.BFLOAT16, raw(Uint16Array.of(0x3fc0, 0xc000)), [1.5, -2]],
    [DataType.UINT4, raw(Uint8Array.of(0xf1, 0x02)), [1, 15, 2]],
    [DataType.INT4, raw(Uint8Array.of(0xf7, 0x08)), [7, -1, -8]],
    [DataType.INT4, { int32Data: [0xf7, 0x08] }, [7, -1, -8]],
    [DataType.UINT2, raw(Uint8Array.of(0b11_10_01_00, 0b10)), [0, 1, 2, 3, 2]],
    [DataType.INT2, raw(Uint8Array.of(0b11_10_01_00)), [0, 1, -2, -1]],
    [
      DataType.FLOAT8E4M3FN,
      raw(Uint8Array.of(0x38, 0x7e, 0x01, 0x7f, 0xc0)),
      [1, 448, 2 ** -9, Number.NaN, -2],
    ],
    [DataType.FLOAT8E4M3FNUZ, raw(Uint8Array.of(0x40, 0x7f, 0x80)), [1, 240, Number.NaN]],
    [
      DataType.FLOAT8E5M2,
      raw(Uint8Array.of(0x3c, 0x7b, 0x7c, 0xfc, 0x7d)),
      [1, 57_344, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN],
    ],
    [DataType.FLOAT8E5M2FNUZ, raw(Uint8Array.of(0x40, 0x7f, 0x80)), [1, 57_344, Number.NaN]],
    [DataType.FLOAT8E8M0, raw(Uint8Array.of(127, 130, 255)), [1, 8, Number.NaN]],
    [DataType.FLOAT4E2M1, raw(Uint8Array.of(0x72, 0x09)), [1, 6, -0.5]],
    [DataType.COMPLEX64, { floatData: [1, 2, 3, 4] }, [1, 2, 3, 4]],
  ])('%#', (type, parts, expected) => {
    const count = type === DataType.COMPLEX64 ? expected.length / 2 : expected.length
    for (const values of read(stored(type, count, parts))) expect(values, nameOf(type)).toEqual(expected)
  })
})

describe('half precision', () => {
  test('every half converts to a float and back', () => {
    const halves = Uint16Array.from({ length: 65_536 }, (_, index) => index)
    const floats = halvesToFloats(halves)
    for (const [half, float] of floats.entries()) {
      if (Number.isNaN(float)) expect(fromHalf(toHalf(float))).toBeNaN()
      else expect(toHalf(float)).toBe(half)
    }
  })

  test('a float rounds to the nearest half, ties to even', () => {
    fc.assert(
      fc.property(fc.float({ noNaN: true }), (float) => {
        const half = fromHalf(toHalf(float))
        if (Math.abs(float) >= 65_520) expect(Math.abs(half)).toBe(Number.POSITIVE_INFINITY)
        else {
          const step = 2 ** Math.max(-24, Math.floor(Math.log2(Math.abs(float) || 1)) - 10)
          expect(Math.abs(half - float)).toBeLessThanOrEqual(step / 2)
        }
      }),
      { numRuns: 5_000 },
    )
    expect(fromHalf(toHalf(2049))).toBe(2048)
    expect(fromHalf(toHalf(2051))).toBe(2052)
  })
})

test('a tensor of more than 2^27 elements is read as numbers', () => {
  const count = 2 ** 27 + 8
  const bits = new Uint16Array(count)
  bits[count - 1] = 0x3fc0
  const floats = floatsOf({ name: 'w', type: DataType.BFLOAT16, dims: [count], bytes: () => viewBytes(bits) })
  expect([floats.length, floats[0], floats[count - 1]]).toEqual([count, 0, 1.5])
})

/** Tests of operators in the form that the ONNX project publishes: folders of `model.onnx` and `test_data_set_0/*.pb`. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import type { Tensor as OrtTensor } from 'onnxruntime-common'
import { fromHalf } from '../../models/core/half.ts'
import { arrayOf, type NumericType, tensorTypes } from '../../models/core/tensor.ts'
import { DataType, nameOf, typeNamed } from '../../models/tools/onnx/data-type.ts'
import { type TensorProto, TensorProtoSchema } from '../../models/tools/onnx/generated/onnx_pb.ts'
import { weightOf } from '../../models/tools/onnx/proto-tensor.ts'
import { viewBytes } from '../../models/tools/onnx/weight.ts'

/** A tensor as ONNX Runtime's JavaScript API has it; half floats are bits. */
export type Value = Pick<OrtTensor, 'type' | 'data' | 'dims'>
export type Values = Readonly<Record<string, Value>>

export interface NodeTest {
  readonly name: string
  /** Path of the model. */
  readonly model: string
  /** In the order of the graph's inputs and outputs. */
  readonly inputs: readonly Value[]
  readonly outputs: readonly Value[]
}

/** Types whose elements are numbers. */
export const numericTypes = tensorTypes.filter((type): type is NumericType => type !== 'string')

export const isNumeric = (type: string): type is NumericType => numericTypes.some((known) => known === type)

/** The bytes of a value's numbers. */
export const bytesOf = ({ data }: Value): Uint8Array =>
  ArrayBuffer.isView(data) ? viewBytes(data) : new Uint8Array(0)

/** Numbers out of their bytes. */
export const numbersOf = (type: NumericType, bytes: Uint8Array, dims: readonly number[]): Value => ({
  type,
  data: new (arrayOf(type))(new Uint8Array(bytes).buffer),
  dims,
})

/** The tests in a folder, without those that have values for which the API has no type. */
export const readNodeTests = (folder: string): NodeTest[] =>
  readdirSync(folder)
    .filter((name) => existsSync(join(folder, name, 'model.onnx')))
    .sort()
    .flatMap((name) => readNodeTest(folder, name) ?? [])

function readNodeTest(folder: string, name: string): NodeTest | undefined {
  const [inputs, outputs] = ['input', 'output'].map((kind) => readValues(join(folder, name), kind))
  return inputs && outputs ? { name, model: join(folder, name, 'model.onnx'), inputs, outputs } : undefined
}

const pathOf = (test: string, kind: string, index: number) =>
  join(test, 'test_data_set_0', `${kind}_${index}.pb`)

function readValues(test: string, kind: string): Value[] | undefined {
  const values: Value[] = []
  for (let index = 0; existsSync(pathOf(test, kind, index)); index++) {
    const value = readValue(readFileSync(pathOf(test, kind, index)))
    if (!value) return undefined
    values.push(value)
  }
  return values
}

/** Undefined for what is no tensor, and for types that the API lacks. */
function readValue(bytes: Uint8Array): Value | undefined {
  try {
    const proto = fromBinary(TensorProtoSchema, new Uint8Array(bytes))
    const dims = proto.dims.map(Number)
    if (proto.dataType === DataType.STRING)
      return { type: 'string', data: proto.stringData.map((one) => new TextDecoder().decode(one)), dims }
    const type = nameOf(proto.dataType)
    return isNumeric(type) ? numbersOf(type, weightOf(proto, proto.name, 'A value').bytes(), dims) : undefined
  } catch {
    // A sequence, whose bytes are no tensor's.
    return undefined
  }
}

/** Writes a test as a folder in `folder`. */
export function writeNodeTest(
  folder: string,
  name: string,
  { model, inputs, outputs }: Omit<NodeTest, 'name' | 'model'> & { readonly model: Uint8Array },
): void {
  mkdirSync(join(folder, name, 'test_data_set_0'), { recursive: true })
  writeFileSync(join(folder, name, 'model.onnx'), model)
  const write = (kind: string, values: readonly Value[]) => {
    for (const [index, value] of values.entries())
      writeFileSync(pathOf(join(folder, name), kind, index), toBinary(TensorProtoSchema, protoOf(value)))
  }
  write('input', inputs)
  write('output', outputs)
}

function protoOf(value: Value): TensorProto {
  const dims = value.dims.map(BigInt)
  if (value.type !== 'string')
    return create(TensorProtoSchema, { dataType: typeNamed(value.type), dims, rawData: bytesOf(value) })
  const stringData = Array.from(value.data as readonly string[], (text) => new TextEncoder().encode(text))
  return create(TensorProtoSchema, { dataType: DataType.STRING, dims, stringData })
}

/** Whether two values are equal, floats within what different orders of sums make. */
export function areClose(expected: Value, got: Value | undefined): boolean {
  if (!got || got.type !== expected.type || got.dims.join() !== expected.dims.join()) return false
  const [one, other] = [elementsOf(expected), elementsOf(got)]
  return one.length === other.length && one.every((element, index) => areSame(element, other[index]))
}

type Element = number | bigint | string | undefined

function areSame(expected: Element, got: Element): boolean {
  if (typeof expected !== 'number' || typeof got !== 'number') return expected === got
  if (Number.isNaN(expected)) return Number.isNaN(got)
  return expected === got || Math.abs(expected - got) <= 1e-5 + 2e-3 * Math.abs(expected)
}

function elementsOf({ type, data }: Value): readonly Element[] {
  const elements = Array.from(data as ArrayLike<number | bigint | string>)
  // Newer engines give a Float16Array.
  return type === 'float16' && data instanceof Uint16Array
    ? elements.map((bits) => fromHalf(Number(bits)))
    : elements
}

/** Another request of the same shapes: floats in the reverse order. */
export const reversed = (values: readonly Value[]): Value[] =>
  values.map((value) => {
    if (!value.type.startsWith('float') || !isNumeric(value.type)) return value
    const copy = numbersOf(value.type, bytesOf(value).slice(), value.dims)
    ;(copy.data as Float32Array).reverse()
    return copy
  })

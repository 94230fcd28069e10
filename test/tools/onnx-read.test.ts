import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { create, type MessageInitShape } from '@bufbuild/protobuf'
import { describe, expect, test } from 'vitest'
import { DataType } from '../../models/tools/onnx/data-type.ts'
import { TensorProto_DataLocation, TensorProtoSchema } from '../../models/tools/onnx/generated/onnx_pb.ts'
import { parseModel, readModel } from '../../models/tools/onnx/read.ts'
import { floatsOf } from '../../models/tools/onnx/values.ts'
import { emptyFolder } from '../support/test-models.ts'
import { encode, modelProto, type Parts, value } from './support/build.ts'
import { cpuMs } from './support/cpu-time.ts'

const tensor = (parts: MessageInitShape<typeof TensorProtoSchema>) =>
  create(TensorProtoSchema, { name: 'w', dataType: DataType.FLOAT, dims: [2n], floatData: [1, 2], ...parts })

const parts = (changed: Partial<Parts> = {}): Parts => ({
  nodes: [{ op: 'Add', inputs: ['x', 'w'], outputs: ['y'] }],
  inputs: [value('x', ['batch', 2])],
  outputs: [value('y', ['batch', 2])],
  tensors: [tensor({})],
  ...changed,
})

const bytes = (changed: Partial<Parts> = {}) => encode(modelProto(parts(changed)))
const withTensor = (changed: MessageInitShape<typeof TensorProtoSchema>) =>
  bytes({ tensors: [tensor(changed)] })
const external = (
  entries: Record<string, string>,
  changed: MessageInitShape<typeof TensorProtoSchema> = {},
) =>
  withTensor({
    floatData: [],
    dataLocation: TensorProto_DataLocation.EXTERNAL,
    externalData: Object.entries(entries).map(([key, value]) => ({
      $typeName: 'onnx.StringStringEntryProto',
      key,
      value,
    })),
    ...changed,
  })

const refused = (code: string, message: string) =>
  expect.objectContaining({ name: 'SpillwayError', code, message: expect.stringContaining(message) })

describe('a model is read', () => {
  test('with its nodes, weights, inputs and outputs', () => {
    const model = parseModel(bytes())
    expect(model.nodes.map(({ opType }) => opType)).toEqual(['Add'])
    expect(model.inputs.map(({ name }) => name)).toEqual(['x'])
    const weight = model.weights.get('w') ?? expect.fail('no weight')
    expect([...floatsOf(weight)]).toEqual([1, 2])
  })

  test('with weights that an old file lists among its inputs', () => {
    const old = modelProto(parts({ inputs: [value('x', [1, 2]), value('w', [2])] }))
    old.irVersion = 3n
    const model = parseModel(encode(old))
    expect(model.inputs.map(({ name }) => name)).toEqual(['x'])
    expect(model.header.irVersion).toBe(4n)
  })

  test('with unsorted nodes, and keeps sorted ones in their order', () => {
    const chain = ['a', 'b', 'c', 'y'].map((output, index, all) => ({
      op: 'Relu',
      inputs: [all[index - 1] ?? 'x'],
      outputs: [output],
    }))
    for (const nodes of [chain, chain.toReversed(), [chain[2], chain[0], chain[3], chain[1]]]) {
      const model = parseModel(bytes({ nodes: nodes.filter((node) => node !== undefined) }))
      expect(model.nodes.map(({ output }) => output[0])).toEqual(['a', 'b', 'c', 'y'])
    }
  })

  test('with external data, from within its folder', async () => {
    const folder = await emptyFolder()
    mkdirSync(join(folder, 'data'))
    writeFileSync(join(folder, 'data', 'w.bin'), new Uint8Array(Float32Array.of(0, 3, 4).buffer))
    const path = join(folder, 'model.onnx')
    writeFileSync(path, external({ location: 'data/w.bin', offset: '4', length: '8' }))
    const weight = readModel(path).weights.get('w') ?? expect.fail('no weight')
    expect([...floatsOf(weight)]).toEqual([3, 4])
  })
})

describe('a model is refused', () => {
  test.each<[string, Uint8Array, string]>([
    ['that is empty', new Uint8Array(0), 'empty'],
    ['that is something else', new TextEncoder().encode('{"a": 1}'), 'corrupt'],
    [
      'that is a Git LFS pointer',
      new TextEncoder().encode('version https://git-lfs.github.com/spec/v1\n'),
      'LFS',
    ],
    ['without a graph', encode(Object.assign(modelProto(parts()), { graph: undefined })), 'no graph'],
    ['without an IR version', encode(Object.assign(modelProto(parts()), { irVersion: 0n })), 'IR version'],
    [
      'without an operator set',
      encode(Object.assign(modelProto(parts()), { opsetImport: [] })),
      'operator set',
    ],
    ['cut short', bytes().subarray(0, 60), 'truncated'],
    ['with a negative dimension', withTensor({ dims: [-2n] }), 'negative dimension'],
    [
      'with a negative dimension among inputs',
      bytes({ inputs: [value('x', [-3, 2])] }),
      'negative dimension',
    ],
    [
      'with more elements than data',
      withTensor({ dims: [3n] }),
      'expected 3 elements for float32 [3], got 2',
    ],
    ['with 10^9 elements', withTensor({ dims: [1_000_000_000n] }), 'expected 1000000000 elements'],
    ['with 2^90 elements', withTensor({ dims: [2n ** 60n, 2n ** 30n] }), 'impossible shape'],
    [
      'with an input of 10^9 elements',
      bytes({ inputs: [value('x', [1_000_000, 1000])] }),
      'impossible shape',
    ],
    [
      'with raw data of the wrong size',
      withTensor({ floatData: [], rawData: new Uint8Array(7) }),
      'got 7 in raw_data',
    ],
    ['with data in another type', withTensor({ floatData: [], int64Data: [1n, 2n] }), 'got 2 in int64_data'],
    ['with data twice', withTensor({ rawData: new Uint8Array(8) }), 'elements twice'],
    ['without data', withTensor({ floatData: [] }), 'got none'],
    ['with an unknown element type', withTensor({ dataType: 99 }), 'unknown element type'],
    ['with a value that nothing writes', bytes({ tensors: [] }), 'reads "w", which no node writes'],
    [
      'with an output that nothing writes',
      bytes({ outputs: [value('z', [1])] }),
      'No node writes the output "z"',
    ],
    ['without outputs', bytes({ outputs: [] }), 'no output'],
    ['with two tensors of one name', bytes({ tensors: [tensor({}), tensor({})] }), 'Two tensors'],
    [
      'with a cycle',
      bytes({
        nodes: [
          { op: 'Add', inputs: ['x', 'b'], outputs: ['a'] },
          { op: 'Add', inputs: ['a', 'w'], outputs: ['b'] },
          { op: 'Relu', inputs: ['b'], outputs: ['y'] },
        ],
      }),
      'has a cycle',
    ],
    [
      'with a value written twice',
      bytes({
        nodes: [
          { op: 'Relu', inputs: ['x'], outputs: ['y'] },
          { op: 'Relu', inputs: ['w'], outputs: ['y'] },
        ],
      }),
      'written twice',
    ],
    ['with data in a file above', external({ location: '../w.bin' }), 'outside of the model'],
    [
      'with data in a file above, by a detour',
      external({ location: 'a/../../w.bin' }),
      'outside of the model',
    ],
    ['with data in a file by another separator', external({ location: '..\\w.bin' }), 'outside of the model'],
    ['with data at an absolute path', external({ location: '/etc/passwd' }), 'outside of the model'],
    ['with data on a drive', external({ location: 'C:\\w.bin' }), 'outside of the model'],
    ['with data in no file', external({ offset: '0' }), 'without a location'],
  ])('%s', (_what, file, message) => {
    expect(() => parseModel(file, '.')).toThrow(refused('model_invalid', message))
  })

  test.each<[string, Record<string, string>, string, string]>([
    ['that does not exist', { location: 'gone.bin' }, 'file_missing', 'not there'],
    ['that is a link to elsewhere', { location: 'link' }, 'model_invalid', 'outside of the model'],
    ['that is a folder', { location: 'folder' }, 'model_invalid', 'not a file'],
    ['of another size', { location: 'w.bin', length: '4' }, 'model_invalid', 'expected 8 bytes, got 4'],
    [
      'that ends before',
      { location: 'w.bin', offset: '12', length: '8' },
      'file_truncated',
      'expected 20 bytes',
    ],
    ['from a negative offset', { location: 'w.bin', offset: '-4' }, 'model_invalid', 'not a number of bytes'],
    [
      'from an endless offset',
      { location: 'w.bin', offset: '9'.repeat(30) },
      'model_invalid',
      'not a number of bytes',
    ],
  ])('with data in a file %s', async (_what, entries, code, message) => {
    const folder = await emptyFolder()
    writeFileSync(join(folder, 'w.bin'), new Uint8Array(16))
    mkdirSync(join(folder, 'folder'))
    symlinkSync('/etc/passwd', join(folder, 'link'))
    const path = join(folder, 'model.onnx')
    writeFileSync(path, external(entries))
    expect(() => readModel(path)).toThrow(refused(code, message))
  })

  test('that does not exist', () => {
    expect(() => readModel('/nowhere/model.onnx')).toThrow(refused('file_missing', '/nowhere/model.onnx'))
  })

  test.each<[string, () => Uint8Array]>([
    ['of two million empty nodes', () => repeat([0x0a, 0x00], 2_000_000)],
    ['of two million empty tensors', () => repeat([0x2a, 0x00], 2_000_000)],
    ['of graphs in graphs', () => nested(300)],
    ['of a list of ten million numbers', () => listOf(10_000_000)],
  ])('%s, within a second', (_what, make) => {
    const file = graphOf(make())
    const started = cpuMs()
    expect(() => parseModel(file)).toThrow(expect.objectContaining({ code: 'model_invalid' }))
    expect(cpuMs() - started).toBeLessThan(1_000)
  })
})

const repeat = (piece: readonly number[], times: number) =>
  Uint8Array.from({ length: piece.length * times }, (_, index) => piece[index % piece.length] ?? 0)

function varint(size: number): number[] {
  return size < 128 ? [size] : [(size & 127) | 128, ...varint(size >>> 7)]
}

const field = (number: number, content: Uint8Array) =>
  Buffer.concat([Uint8Array.of(...varint((number << 3) | 2), ...varint(content.length)), content])

const graphOf = (content: Uint8Array) => Buffer.concat([Uint8Array.of(8, 8), field(7, content)])

/** A graph in an attribute of a node of a graph, and so on. */
function nested(depth: number): Uint8Array {
  let graph: Uint8Array = new Uint8Array(0)
  for (let level = 0; level < depth; level++) graph = field(1, field(5, field(6, graph)))
  return graph
}

const listOf = (length: number) => field(1, field(5, field(8, new Uint8Array(length).fill(1))))

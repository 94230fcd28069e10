import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { create } from '@bufbuild/protobuf'
import { describe, expect, test } from 'vitest'
import type { ComparisonReport } from '../../models/cli/output/compare.ts'
import type { Tensor } from '../../models/core/index.ts'
import { createDifference } from '../../models/tools/compare/difference.ts'
import { DataType } from '../../models/tools/onnx/data-type.ts'
import { TypeProto_SequenceSchema } from '../../models/tools/onnx/generated/onnx_pb.ts'
import { constantTensors } from '../../models/tools/run-model/constant-inputs.ts'
import { parseNpy } from '../../models/tools/run-model/npy.ts'
import { randomSamples } from '../../models/tools/run-model/random-samples.ts'
import { readSamples } from '../../models/tools/run-model/read-samples.ts'
import { emptyFolder } from '../support/test-models.ts'
import { build, encode, modelProto, value } from './support/build.ts'
import { spillway, spillwayJson } from './support/command.ts'
import { npy } from './support/npy.ts'

const tensor = (data: number[], shape = [data.length]): Tensor => ({
  type: 'float32',
  data: Float32Array.from(data),
  shape,
})

/** `y = scale × x + shift`, of three numbers a row. */
async function linear(scale: number, shift: number): Promise<string> {
  const path = join(await emptyFolder(), `linear-${scale}-${shift}.onnx`)
  const constant = (name: string, number: number) => ({
    op: 'Constant',
    inputs: [],
    outputs: [name],
    attributes: { value_float: { float: number } },
  })
  const model = modelProto({
    nodes: [
      constant('scale', scale),
      constant('shift', shift),
      { op: 'Mul', inputs: ['x', 'scale'], outputs: ['scaled'] },
      { op: 'Add', inputs: ['scaled', 'shift'], outputs: ['y'] },
    ],
    inputs: [value('x', ['batch', 3])],
    outputs: [value('y', ['batch', 3])],
  })
  writeFileSync(path, encode(model))
  return path
}

test('spillway compare names the outputs that it does not compare', async () => {
  const list = value('list', [])
  const model = modelProto({
    nodes: [
      { op: 'Relu', inputs: ['x'], outputs: ['y'] },
      { op: 'SequenceConstruct', inputs: ['x', 'y'], outputs: ['list'] },
    ],
    inputs: [value('x', ['batch', 3])],
    outputs: [value('y', ['batch', 3]), list],
  })
  const elemType = value('x', ['batch', 3]).type
  if (list.type && elemType)
    list.type.value = { case: 'sequenceType', value: create(TypeProto_SequenceSchema, { elemType }) }
  const path = join(await emptyFolder(), 'm.onnx')
  writeFileSync(path, encode(model))
  const report = await spillwayJson<ComparisonReport>('compare', path, path)
  expect(report.outputs.map(({ output }) => output)).toEqual(['y'])
  expect(report.leftOut).toEqual(['list'])
  const { out } = await spillway('compare', path, path)
  expect(out).toContain('not compared (maps, sequences or empty tensors): list')
})

describe('the difference of two outputs', () => {
  test('consists of the largest error, the mean error, the cosine and the share of equal top answers', () => {
    const difference = createDifference('y')
    difference.add(tensor([1, 2, 3, 4], [2, 2]), tensor([1, 2.5, 3, 2], [2, 2]))
    difference.add(tensor([0, 1], [1, 2]), tensor([0, 1], [1, 2]))
    expect(difference.result()).toMatchObject({
      output: 'y',
      largest: 2,
      mean: 2.5 / 6,
      top: { same: 2, of: 3 },
    })
  })

  test('counts strings that differ', () => {
    const difference = createDifference('y')
    const strings = (...data: string[]): Tensor => ({ type: 'string', data, shape: [data.length] })
    difference.add(strings('cat', 'dog', 'cat', 'cow'), strings('cat', 'dog', 'cat', 'dog'))
    expect(difference.result()).toEqual({
      output: 'y',
      largest: 1,
      mean: 0.25,
      cosine: 0.75,
      top: { same: 3, of: 4 },
    })
  })

  test('is exact between integers past 2^53', () => {
    const difference = createDifference('y')
    const id = (value: bigint): Tensor => ({ type: 'int64', data: BigInt64Array.of(value), shape: [1] })
    difference.add(id(2n ** 53n), id(2n ** 53n + 1n))
    expect(difference.result()).toMatchObject({ largest: 1, mean: 1 })
  })

  test('is zero between equal outputs, infinities included', () => {
    const difference = createDifference('y')
    const answer = tensor([Number.NEGATIVE_INFINITY, 1, Number.NaN])
    difference.add(answer, answer)
    expect(difference.result()).toMatchObject({ largest: 0, mean: 0, cosine: 1 })
  })

  test('is infinite where one output is NaN', () => {
    const difference = createDifference('y')
    difference.add(tensor([1, 1]), tensor([1, Number.NaN]))
    expect(difference.result().largest).toBe(Number.POSITIVE_INFINITY)
  })

  test('is refused between different shapes', () => {
    expect(() => createDifference('y').add(tensor([1, 2]), tensor([1, 2], [1, 2]))).toThrow(
      expect.objectContaining({
        code: 'not_supported',
        message: expect.stringContaining('expected [2], got [1, 2]'),
      }),
    )
  })
})

describe('compare', () => {
  test('finds a model equal to itself, on two backends', async () => {
    const model = await linear(2, 1)
    const report = await spillwayJson<ComparisonReport>('compare', model, model, '--on', 'cpu,wasm')
    expect(report.outputs).toMatchObject([{ output: 'y', largest: 0, mean: 0, top: { same: 16, of: 16 } }])
    expect(report.times.map(({ backend }) => backend)).toEqual(['cpu', 'wasm'])
    for (const { a, b } of report.times) expect(Math.min(a, b)).toBeGreaterThan(0)
  })

  test('reports the difference of two models, and fails past a limit', async () => {
    const [a, b] = [await linear(2, 1), await linear(2, 1.25)]
    const report = await spillwayJson<ComparisonReport>('compare', a, b)
    expect(report.outputs[0]?.largest).toBeCloseTo(0.25, 5)
    const { code, out, err } = await spillway('compare', a, b, '--max-error', '0.1')
    expect(code).toBe(1)
    expect(out).toMatch(/^ {2}y +0\.25 +0\.25 /m)
    expect(err).toContain('differ too much on "y": expected an error of at most 0.1')
    expect((await spillway('compare', a, b, '--max-error', '0.3')).code).toBe(0)
    const turned = await spillway('compare', a, await linear(-2, 1), '--min-agreement', '0.5')
    expect(turned.err).toContain('agree too rarely')
  })

  test('refuses models with different inputs', async () => {
    const path = join(await emptyFolder(), 'other.onnx')
    writeFileSync(
      path,
      encode(
        modelProto({
          nodes: [{ op: 'Relu', inputs: ['a'], outputs: ['y'] }],
          inputs: [value('a', ['batch', 3])],
          outputs: [value('y', ['batch', 3])],
        }),
      ),
    )
    const { code, err } = await spillway('compare', await linear(1, 0), path)
    expect(code).toBe(1)
    expect(err).toContain('differ in their inputs or outputs: expected x → y, got a → y')
  })

  test('reports a backend that the machine lacks', async () => {
    const model = await linear(1, 0)
    const { code, err } = await spillway('compare', model, model, '--on', 'tpu')
    expect({ code, err }).toMatchObject({
      code: 2,
      err: expect.stringContaining('The backends are cpu, wasm, webgpu.'),
    })
  })
})

describe('samples', () => {
  const model = build({
    nodes: [{ op: 'Relu', inputs: ['x'], outputs: ['y'] }],
    inputs: [value('x', ['batch', 2, 2])],
    outputs: [value('y', ['batch', 2, 2])],
  })
  const four = [1, 2, 3, 4]

  test.each<[string, unknown]>([
    ['flat', four],
    [
      'nested',
      [
        [1, 2],
        [3, 4],
      ],
    ],
    [
      'nested, with its batch',
      [
        [
          [1, 2],
          [3, 4],
        ],
      ],
    ],
    ['with a shape', { shape: [1, 2, 2], data: four }],
  ])('are read from JSON, %s', async (_what, x) => {
    const folder = await emptyFolder()
    writeFileSync(join(folder, 'a.json'), JSON.stringify([{ x }]))
    writeFileSync(join(folder, 'b.json.gz'), gzipSync(JSON.stringify([{ x }])))
    const samples = readSamples(model, folder)
    expect(samples).toEqual([{ x: tensor(four, [1, 2, 2]) }, { x: tensor(four, [1, 2, 2]) }])
  })

  test('are read from NumPy files, row by row', async () => {
    const folder = await emptyFolder()
    writeFileSync(join(folder, 'any.npy'), npy('<f4', [2, 2, 2], Float32Array.from([...four, ...four])))
    expect(readSamples(model, join(folder, 'any.npy'))).toEqual([
      { x: tensor(four, [1, 2, 2]) },
      { x: tensor(four, [1, 2, 2]) },
    ])
  })

  test.each<[string, unknown, string]>([
    ['with too few numbers', [{ x: [1, 2, 3] }], 'is not a sample'],
    ['with words', [{ x: ['a', 'b', 'c', 'd'] }], 'expected numbers, got string'],
    ['of another input', [{ z: four }], 'expected an array for "x", got z'],
    ['that are no list', { x: four }, 'expected a list of samples'],
  ])('are refused %s', async (_what, content, message) => {
    const path = join(await emptyFolder(), 'samples.json')
    writeFileSync(path, JSON.stringify(content))
    expect(() => readSamples(model, path)).toThrow(
      expect.objectContaining({ code: 'input_value_invalid', message: expect.stringContaining(message) }),
    )
  })

  test.each<[string, DataType, unknown, string]>([
    ['past a byte', DataType.UINT8, 300, 'expected a whole number of uint8, got 300'],
    ['with a fraction', DataType.INT64, 0.5, 'expected a whole number of int64, up to 2^53, got 0.5'],
    ['that are no booleans', DataType.BOOL, 2, 'expected 0 or 1, got 2'],
  ])('are refused with numbers %s, as values are', async (_what, type, number, message) => {
    const typed = build({
      nodes: [{ op: 'Identity', inputs: ['x'], outputs: ['y'] }],
      inputs: [value('x', [1], type)],
      outputs: [value('y', [1], type)],
    })
    const path = join(await emptyFolder(), 'samples.json')
    writeFileSync(path, JSON.stringify([{ x: [number] }]))
    const refusal = expect.objectContaining({
      code: 'input_value_invalid',
      message: expect.stringContaining(message),
    })
    expect(() => readSamples(typed, path)).toThrow(refusal)
    expect(() => constantTensors(typed, new Map([['x', Number(number)]]))).toThrow(refusal)
  })

  test('are refused where there are none', async () => {
    const folder = await emptyFolder()
    mkdirSync(join(folder, 'empty'))
    for (const path of [join(folder, 'empty'), join(folder, 'gone')]) {
      expect(() => readSamples(model, path)).toThrow(expect.objectContaining({ code: 'file_missing' }))
    }
  })

  test('are refused from an invalid NumPy file', () => {
    const good = npy('<f4', [2], Float32Array.of(1, 2))
    expect(parseNpy(good, 'a')).toEqual(tensor([1, 2]))
    for (const bad of [good.subarray(0, 20), good.subarray(0, -1), npy('<c8', [1], Float32Array.of(1, 2))]) {
      expect(() => parseNpy(bad, 'a')).toThrow(expect.objectContaining({ code: 'input_value_invalid' }))
    }
  })

  test('made up from a seed are reproducible, and index within tables', () => {
    const lookup = build({
      nodes: [
        { op: 'Constant', inputs: [], outputs: ['shape'], attributes: { value_ints: [7, 2] } },
        { op: 'ConstantOfShape', inputs: ['shape'], outputs: ['unused'] },
        { op: 'Cast', inputs: ['ids'], outputs: ['wide'], attributes: { to: DataType.INT64 } },
        { op: 'Gather', inputs: ['table', 'wide'], outputs: ['y'] },
      ],
      inputs: [value('ids', ['batch', 'sequence'], DataType.INT32), value('table', [7, 2])],
      outputs: [value('y', ['batch', 'sequence', 2])],
    })
    const table = { name: 'table', type: DataType.FLOAT, dims: [7, 2], bytes: () => new Uint8Array(56) }
    const whole = { ...lookup, inputs: lookup.inputs.slice(0, 1), weights: new Map([['table', table]]) }
    const samples = randomSamples(whole, new Map(), 20)
    expect(samples).toEqual(randomSamples(whole, new Map(), 20))
    const ids = samples.flatMap(({ ids }) => [...(ids?.data ?? [])].map(Number))
    expect(samples[0]?.ids?.shape).toEqual([1, 8])
    expect([Math.min(...ids), Math.max(...ids)]).toEqual([0, 6])
  })

  test('that would fill the memory are refused', () => {
    expect(() => randomSamples(model, new Map([['x', [1_000_000_000, 2, 2]]]), 1)).toThrow(
      expect.objectContaining({ code: 'input_size_invalid' }),
    )
  })
})

import { create } from '@bufbuild/protobuf'
import { beforeAll, describe, expect, test } from 'vitest'
import type { ComparisonReport } from '../../models/cli/output/compare.ts'
import type { QuantizeReport } from '../../models/cli/output/quantize.ts'
import { operatorOf } from '../../models/tools/graph/node.ts'
import { DataType, nameOf } from '../../models/tools/onnx/data-type.ts'
import { ValueInfoProtoSchema } from '../../models/tools/onnx/generated/onnx_pb.ts'
import { readModel } from '../../models/tools/onnx/read.ts'
import { weightBytes } from '../../models/tools/onnx/weight.ts'
import { modelProto, value } from './support/build.ts'
import { spillway, spillwayJson } from './support/command.ts'
import { folderWith } from './support/files.ts'
import { convNetwork, randomTensor, tiedNetwork } from './support/network.ts'

type Folder = Awaited<ReturnType<typeof folderWith>>
let tied: Folder
let conv: Folder
beforeAll(async () => {
  tied = await folderWith(tiedNetwork())
  conv = await folderWith(convNetwork())
})

async function quantize({ model, path }: Folder, ...options: readonly string[]) {
  const out = path(`${options.join('').replace(/[^a-z0-9]/gi, '')}.onnx`)
  const report = await spillwayJson<QuantizeReport>('quantize', model, ...options, '-o', out)
  const compared = await spillwayJson<ComparisonReport>('compare', model, out)
  const made = readModel(out)
  const [answer] = compared.outputs
  if (!answer) throw new Error('no output was compared')
  return { out, report, made, operators: new Set(made.nodes.map(operatorOf)), answer }
}

const bytesOf = (model: ReturnType<typeof readModel>, type: string) =>
  [...model.weights.values()]
    .filter((weight) => nameOf(weight.type) === type)
    .reduce((sum, one) => sum + weightBytes(one), 0)

/** Elements of the matrices of the tied network: the table, and the two between. */
const elements = 512 * 64 + 2 * 64 * 128

describe('quantize, a network with an embedding that its output layer is tied to', () => {
  test.each([
    ['webgpu', 'q4', [], 0.98, ['com.microsoft.MatMulNBits', 'com.microsoft.GatherBlockQuantized']],
    [
      'webgpu',
      'q4',
      ['--asymmetric'],
      0.98,
      ['com.microsoft.MatMulNBits', 'com.microsoft.GatherBlockQuantized'],
    ],
    ['webgpu', 'q8', [], 0.9998, ['com.microsoft.MatMulNBits', 'com.microsoft.GatherBlockQuantized']],
    ['webgpu', 'q8', ['--asymmetric'], 0.9998, ['com.microsoft.MatMulNBits']],
    ['webgpu', 'q4f16', [], 0.98, ['com.microsoft.MatMulNBits', 'Cast']],
    ['webgpu', 'fp16', [], 0.999999, ['MatMul', 'Cast']],
    ['wasm', 'q4', [], 0.98, ['spillway.Unpack4', 'Gather', 'MatMul']],
    // A processor without VNNI adds products by pairs in 16 bits, where the largest are cut off.
    ['wasm', 'q8', [], 0.998, ['DynamicQuantizeLinear', 'MatMulInteger', 'spillway.Unpack8']],
    ['wasm', 'q8', ['--reduce-range'], 0.999, ['MatMulInteger']],
    ['wasm', 'fp16', [], 0.999999, ['MatMul', 'Cast']],
    ['cpu', 'q4', [], 0.98, ['com.microsoft.MatMulNBits']],
    ['cpu', 'q8', [], 0.998, ['MatMulInteger']],
    ['cpu', 'fp16', [], 0.999999, ['Cast']],
  ])('for %s as %s %j gives nearly the same outputs', async (backend, precision, more, cosine, expected) => {
    const { operators, answer, report } = await quantize(tied, '--to', precision, '--for', backend, ...more)
    expect([...operators]).toEqual(expect.arrayContaining(expected))
    expect(answer.cosine).toBeGreaterThan(cosine)
    expect(report.after).toBeLessThan(
      report.before * { q4: 0.2, q4f16: 0.2, q8: 0.34, fp16: 0.53 }[precision as 'q4'],
    )
  })

  test('stores the table once', async () => {
    for (const [backend, precision, type, bytes] of [
      ['webgpu', 'q4', 'uint8', elements / 2],
      ['webgpu', 'q8', 'uint8', elements],
      ['wasm', 'q4', 'uint8', elements / 2],
      ['webgpu', 'fp16', 'float16', 2 * (elements + 64)],
    ] as const) {
      const { made } = await quantize(tied, '--to', precision, '--for', backend)
      expect(bytesOf(made, type), `${precision} for ${backend}`).toBe(bytes)
    }
    const { made } = await quantize(tied, '--to', 'q8', '--for', 'cpu')
    expect(bytesOf(made, 'int8') + bytesOf(made, 'uint8')).toBe(elements)
  })

  test('shrinks 4-bit matrices to at most 0.16 of their size', async () => {
    const { made } = await quantize(tied, '--to', 'q4')
    const packed = [...made.weights.values()].filter(({ name }) => /_q4$|_scales$/.test(name))
    expect(packed.reduce((sum, one) => sum + weightBytes(one), 0)).toBeLessThanOrEqual(0.16 * elements * 4)
  })

  test('keeps its inputs and outputs', async () => {
    for (const precision of ['q4', 'q4f16', 'fp16']) {
      const { made } = await quantize(tied, '--to', precision)
      const before = readModel(tied.model)
      expect([made.inputs, made.outputs], precision).toEqual([before.inputs, before.outputs])
    }
  })

  test('keeps named layers in float', async () => {
    const { report, made } = await quantize(tied, '--to', 'q4', '--keep', 'wide', 'na*')
    expect(report.kept).toEqual([
      { name: 'wide', reason: 'named to be kept' },
      { name: 'narrow', reason: 'named to be kept' },
    ])
    expect(made.weights.get('up')?.dims).toEqual([64, 128])
    const half = await quantize(tied, '--to', 'fp16', '--keep', 'wide')
    expect(half.made.weights.get('up')).toMatchObject({ dims: [64, 128] })
    expect(bytesOf(half.made, 'float32')).toBe(64 * 128 * 4)
  })

  test('keeps as many layers in float as an error limit requires', async () => {
    const all = await quantize(tied, '--to', 'q4', '--measure', '1')
    expect(all.report.kept).toEqual([])
    const error = all.report.error ?? 0
    expect(error).toBeGreaterThan(0.02)
    const some = await quantize(tied, '--to', 'q4', '--measure', String(error * 0.9))
    expect(some.report.error).toBeLessThanOrEqual(error * 0.9)
    expect(some.report.kept.length).toBeGreaterThan(0)
    expect(some.report.layers.length).toBeGreaterThan(0)
    const none = await spillway(
      'quantize',
      tied.model,
      '--to',
      'q4',
      '--measure',
      '0.000001',
      '-o',
      tied.path('none.onnx'),
    )
    expect(none.code).toBe(1)
    expect(none.err).toContain('No layer of this model can be quantized')
  })

  test('measures outputs of strings, and names those that it does not measure', async () => {
    const words = await folderWith(
      modelProto({
        nodes: [
          { op: 'MatMul', inputs: ['x', 'w'], outputs: ['p'] },
          { op: 'Cast', inputs: ['p'], outputs: ['words'], attributes: { to: DataType.STRING } },
          { op: 'SequenceConstruct', inputs: ['p'], outputs: ['list'] },
        ],
        inputs: [value('x', ['n', 64])],
        outputs: [value('words', ['n', 64], DataType.STRING), create(ValueInfoProtoSchema, { name: 'list' })],
        tensors: [randomTensor('w', [64, 64], 1, 1)],
      }),
    )
    const args = ['quantize', words.model, '--to', 'q4', '-o', words.path('q4.onnx'), '--measure'] as const
    const report = await spillwayJson<QuantizeReport>(...args, '1')
    expect(report).toMatchObject({ leftOut: ['list'], error: expect.closeTo(1, 1) })
    const { out } = await spillway(...args, '1')
    expect(out).toContain('not measured (maps, sequences or empty tensors): list\n')
    expect((await spillway(...args, '0.5')).err).toContain('No layer of this model can be quantized')
  })

  test('keeps inputs exact where that alone meets the error limit', async () => {
    const rounded = await quantize(tied, '--to', 'q8', '--for', 'cpu', '--measure', '1')
    expect(rounded.operators).toContain('MatMulInteger')
    const weightOnly = await quantize(
      tied,
      '--to',
      'q8',
      '--for',
      'cpu',
      '--measure',
      String((rounded.report.error ?? 0) * 0.9),
    )
    expect(weightOnly.operators).not.toContain('MatMulInteger')
    expect(weightOnly.report.kept).toEqual([])
  })
})

describe('quantize, a network of convolutions', () => {
  test.each([
    ['webgpu', 'q8', 0.9995],
    ['webgpu', 'q4', 0.9995],
    ['wasm', 'q8', 0.9995],
    ['cpu', 'fp16', 0.999999],
    ['webgpu', 'fp16', 0.99999],
  ])('for %s as %s', async (backend, precision, cosine) => {
    const { answer, report, operators } = await quantize(conv, '--to', precision, '--for', backend)
    expect(answer.cosine).toBeGreaterThan(cosine)
    expect(report.after).toBeLessThan(report.before * (precision === 'fp16' ? 0.55 : 0.45))
    expect(operators).not.toContain('BatchNormalization')
  })

  test.each([[[]], [['--percentile', '99.99']]])('computes in int8 with samples %j', async (more) => {
    const samples = conv.path('samples.json')
    const { writeFileSync } = await import('node:fs')
    const random = (await import('../../models/tools/run-model/random-samples.ts')).randomSamples
    const made = random(readModel(conv.model), new Map(), 8, 3)
    writeFileSync(
      samples,
      JSON.stringify(made.map(({ image }) => ({ image: [...(image?.data ?? [])].map(Number) }))),
    )
    const { operators, answer, report } = await quantize(
      conv,
      '--to',
      'q8',
      '--for',
      'cpu',
      '--calibrate',
      samples,
      ...more,
    )
    expect([...operators]).toEqual(expect.arrayContaining(['QuantizeLinear', 'DequantizeLinear', 'Conv']))
    expect(answer.cosine).toBeGreaterThan(0.995)
    // The first has three channels: bytes would be slower.
    expect(report.layers.map(({ how }) => how)).toEqual(['int8 convolution', 'int8 convolution'])
    expect(report.kept).toEqual([{ name: 'c1', reason: 'small' }])
  })
})

describe('quantize refuses', () => {
  test.each<[string, string[], number, string]>([
    [
      'a precision that there is not',
      ['--to', 'q2', '-o', 'x'],
      2,
      'Allowed choices are q8, q4, q4f16, fp16',
    ],
    ['to write nowhere', ['--to', 'q8'], 2, "required option '-o, --out <path>' not specified"],
    [
      'half floats in blocks for WASM',
      ['--to', 'q4f16', '--for', 'wasm', '-o', 'x'],
      1,
      'q4f16 is for WebGPU',
    ],
    [
      'samples that are not there',
      ['--to', 'q8', '--calibrate', '/nowhere', '-o', 'x'],
      1,
      'no samples at /nowhere',
    ],
  ])('%s', async (_what, args, code, message) => {
    const ran = await spillway('quantize', tied.model, ...args)
    expect({ code: ran.code, err: ran.err }).toEqual({ code, err: expect.stringContaining(message) })
  })

  test('a model without layers to quantize', async () => {
    const q4 = tied.path('twice.onnx')
    await spillwayJson('quantize', tied.model, '--to', 'q4', '-o', q4)
    const { code, err } = await spillway('quantize', q4, '--to', 'q4', '-o', tied.path('x.onnx'))
    expect(code).toBe(1)
    expect(err).toContain('There is nothing in this model to quantize')
  })
})

import { statSync } from 'node:fs'
import { join } from 'node:path'
import { create } from '@bufbuild/protobuf'
import { describe, expect, test } from 'vitest'
import type { Manifest } from '../../models/core/index.ts'
import { type InspectReport, inspect } from '../../models/tools/inspect/report.ts'
import { DataType } from '../../models/tools/onnx/data-type.ts'
import { TypeProtoSchema, ValueInfoProtoSchema } from '../../models/tools/onnx/generated/onnx_pb.ts'
import { roundsInBranch, roundsInFunction } from '../support/nested-models.ts'
import { withoutTestModels } from '../support/test-models.ts'
import { build, value } from './support/build.ts'
import { spillway, spillwayJson } from './support/command.ts'
import { folderOf } from './support/files.ts'
import { published, realModels } from './support/real-models.ts'

const digits = realModels[0] ?? ''
const operator = ({ operators }: InspectReport, name: string) =>
  operators.find((row) => row.operator === name)
const reason = withoutTestModels ? ` (skipped: ${withoutTestModels})` : ''

describe('inspect', () => {
  test('describes digits', async () => {
    const report = await spillwayJson<InspectReport>('inspect', digits)
    expect(report).toMatchObject({
      opset: 17,
      inputs: [{ name: 'image', type: 'float32', shape: ['batch', 1, 28, 28] }],
      outputs: [{ name: 'logits', type: 'float32', shape: ['batch', 10] }],
      batch: { batchable: true },
      weights: [{ type: 'float32', tensors: 10 }],
      shapes: { image: [1, 1, 28, 28] },
    })
    expect(operator(report, 'Conv')).toMatchObject({ count: 4, onGpu: 4, runs: true })
    // Two values of 32 channels of 14 by 14 floats at once.
    expect(report.memory.activations).toBe(2 * 32 * 14 * 14 * 4)
    const [weights] = report.weights
    expect(weights?.bytes).toBe((weights?.elements ?? 0) * 4)
    expect(report.bytes).toBe(statSync(digits).size)
    expect(report.memory.total).toBe((weights?.bytes ?? 0) + 50_176 + report.bytes)
  })

  test('says that a model batches whose other output is a sequence, which manifests leave out', () => {
    const type = create(TypeProtoSchema, { value: { case: 'sequenceType', value: {} } })
    const model = build({
      nodes: [
        { op: 'Relu', inputs: ['x'], outputs: ['y'] },
        { op: 'SequenceConstruct', inputs: ['x', 'y'], outputs: ['both'] },
      ],
      inputs: [value('x', ['n', 3])],
      outputs: [value('y', ['n', 3]), create(ValueInfoProtoSchema, { name: 'both', type })],
    })
    expect(inspect(model, 'model.onnx', 1, new Map()).batch.batchable).toBe(true)
  })

  test.each([
    ['a branch', roundsInBranch()],
    ['a function', roundsInFunction()],
  ])('says that a model does not batch that rounds by the range of all rows in %s', async (_where, graph) => {
    const folder = await folderOf({ 'model.onnx': graph })
    const { batch } = await spillwayJson<InspectReport>('inspect', join(folder, 'model.onnx'))
    expect(batch).toMatchObject({
      batchable: false,
      reason: expect.stringContaining('DynamicQuantizeLinear'),
    })
    expect(await spillwayJson<Manifest>('manifest', folder)).toMatchObject({ batchAxis: null })
  })

  test('estimates more memory for a larger input shape', async () => {
    const report = await spillwayJson<InspectReport>('inspect', digits, '--shape', 'image=64,1,28,28')
    expect(report.memory.activations).toBe(64 * 2 * 32 * 14 * 14 * 4)
  })

  test('prints a report for people', async () => {
    const { out } = await spillway('inspect', digits)
    expect(out).toContain('image   float32   [batch, 1, 28, 28]')
    expect(out).toMatch(/^Batches {3}yes: /m)
    expect(out).toMatch(/^ {2}Conv +4 +runs +runs +runs$/m)
  })

  test.skipIf(withoutTestModels)(`lists the nodes that do not run on the GPU${reason}`, async () => {
    const report = await spillwayJson<InspectReport>(
      'inspect',
      published('ultraface', 'version-RFB-320.onnx'),
    )
    expect(report.batch).toEqual({
      batchable: false,
      reason: 'the first dimension of "input" is fixed at 1',
    })
    expect(report.memory.unknownValues).toBe(0)
    // Shapes are computed from 64-bit integers.
    expect(operator(report, 'Unsqueeze')).toMatchObject({ count: 24, onGpu: 0 })
    expect(operator(report, 'Concat')).toMatchObject({ count: 13, onGpu: 5 })
  })

  test.skipIf(withoutTestModels)(`tells inputs from weights in old files${reason}`, async () => {
    const report = await spillwayJson<InspectReport>('inspect', published('mnist', 'mnist.onnx'))
    expect(report.inputs.map(({ name }) => name)).toEqual(['Input3'])
    expect(report.weights).toMatchObject([
      { type: 'float32', elements: 5_994 },
      { type: 'int64', elements: 4 },
    ])
  })

  test('reports an unknown operator', () => {
    const model = build({
      nodes: [{ op: 'Polish', inputs: ['x'], outputs: ['y'], domain: 'org.example' }],
      inputs: [value('x', ['n', 4], DataType.INT64)],
      outputs: [value('y', ['n', 4])],
    })
    const report = inspect(model, 'model.onnx', 100, new Map())
    expect(operator(report, 'org.example.Polish')).toMatchObject({ runs: false, onGpu: 0 })
  })
})

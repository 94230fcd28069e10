import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { create } from '@bufbuild/protobuf'
import { expect, test } from 'vitest'
import { DataType } from '../../models/tools/onnx/data-type.ts'
import { ValueInfoProtoSchema } from '../../models/tools/onnx/generated/onnx_pb.ts'
import { ortRuntime } from '../../models/tools/run-model/ort.ts'
import { emptyFolder } from '../support/test-models.ts'
import { encode, modelProto, value } from './support/build.ts'

test('a run returns the outputs that can be carried: no sequence, and no int4, which would end the process', async () => {
  const path = join(await emptyFolder(), 'model.onnx')
  const graph = modelProto({
    opset: 21,
    nodes: [
      { op: 'SequenceConstruct', inputs: ['x', 'x'], outputs: ['list'] },
      { op: 'Cast', inputs: ['x'], outputs: ['small'], attributes: { to: DataType.INT4 } },
      { op: 'Cast', inputs: ['x'], outputs: ['text'], attributes: { to: DataType.STRING } },
      { op: 'Add', inputs: ['x', 'x'], outputs: ['y'] },
    ],
    inputs: [value('x', ['N'])],
    // The runtime infers their types.
    outputs: ['list', 'small', 'text', 'y'].map((name) => create(ValueInfoProtoSchema, { name })),
  })
  await writeFile(path, encode(graph))
  const runnable = await ortRuntime.load(path, { backend: 'cpu', threads: 1 })
  const outputs = await runnable.run({ x: { type: 'float32', data: Float32Array.of(1, 2), shape: [2] } })
  expect(outputs).toEqual({
    text: { type: 'string', data: ['1', '2'], shape: [2] },
    y: { type: 'float32', data: Float32Array.of(2, 4), shape: [2] },
  })
  await runnable.release()
})

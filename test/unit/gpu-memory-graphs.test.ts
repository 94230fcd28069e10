import { expect, test } from 'vitest'
import { DataType } from '../../models/tools/onnx/data-type.ts'
import { allocateGraph, copyGraph } from '../../workers/lane/node/gpu-memory-graphs.ts'
import { encode, modelProto, value } from '../tools/support/build.ts'

const { INT32, INT64 } = DataType

test('the graph that allocates fills a tensor of the given length', () => {
  const graph = modelProto({
    nodes: [{ op: 'Expand', inputs: ['word', 'shape'], outputs: ['words'] }],
    inputs: [value('word', [1], INT32), value('shape', [1], INT64)],
    outputs: [value('words', ['count'], INT32)],
  })
  expect(allocateGraph).toEqual(encode(graph))
})

test('the graph that copies writes rows of one tensor over rows of another', () => {
  const graph = modelProto({
    opset: 18,
    nodes: [
      { op: 'Gather', inputs: ['from', 'from_rows'], outputs: ['rows'] },
      { op: 'ScatterND', inputs: ['to', 'to_rows', 'rows'], outputs: ['copied'] },
    ],
    inputs: [
      value('from', ['from_count', 'width'], INT32),
      value('from_rows', ['count'], INT64),
      value('to', ['to_count', 'width'], INT32),
      value('to_rows', ['count', 1], INT64),
    ],
    outputs: [value('copied', ['to_count', 'width'], INT32)],
  })
  expect(copyGraph).toEqual(encode(graph))
})

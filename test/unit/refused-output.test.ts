import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { expect, test } from 'vitest'
import { makeNode } from '../../models/tools/graph/node.ts'
import { DataType } from '../../models/tools/onnx/data-type.ts'
import { ModelProtoSchema } from '../../models/tools/onnx/generated/onnx_pb.ts'
import { refusedGraph, withRefusedOutput } from '../../workers/lane/node/refused-output.ts'
import { encode, modelProto, value } from '../tools/support/build.ts'

const name = 'spillway.refused'

test('the output that is refused is an empty sequence of tensors', () => {
  const tensor = { value: { case: 'tensorType', value: { elemType: DataType.FLOAT } } } as const
  const sequence = { value: { case: 'sequenceType', value: { elemType: tensor } } } as const
  const graph = {
    node: [makeNode({ op: 'SequenceEmpty', inputs: [], outputs: [name] })],
    output: [{ name, type: sequence }],
  }
  expect(refusedGraph).toEqual(toBinary(ModelProtoSchema, create(ModelProtoSchema, { graph })))
})

test('a graph gets it before its own outputs, and stays the same otherwise', () => {
  const parts = {
    nodes: [{ op: 'Neg', inputs: ['x'], outputs: ['y'] }],
    inputs: [value('x', ['rows'])],
    outputs: [value('y', ['rows'])],
  }
  const { graph, ...rest } = fromBinary(ModelProtoSchema, withRefusedOutput(encode(modelProto(parts))))
  const { graph: before, ...restBefore } = fromBinary(ModelProtoSchema, encode(modelProto(parts)))
  expect(rest).toEqual(restBefore)
  expect(graph?.output.map((output) => output.name)).toEqual([name, 'y'])
  expect(graph?.output.slice(1)).toEqual(before?.output)
  expect(graph?.node.slice(1)).toEqual(before?.node)
  expect(graph?.input).toEqual(before?.input)
})

/** Graphs whose rounding by the range of all rows is not among the nodes of the main graph. */
import { create } from '@bufbuild/protobuf'
import { makeNode, type NodeParts } from '../../models/tools/graph/node.ts'
import { DataType } from '../../models/tools/onnx/data-type.ts'
import {
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  FunctionProtoSchema,
  GraphProtoSchema,
  OperatorSetIdProtoSchema,
  TensorProtoSchema,
} from '../../models/tools/onnx/generated/onnx_pb.ts'
import { encode, modelProto, value } from '../tools/support/build.ts'

const rounding = (output: string): readonly NodeParts[] => [
  { op: 'DynamicQuantizeLinear', inputs: ['x'], outputs: [`${output}_q`, `${output}_s`, `${output}_z`] },
  { op: 'DequantizeLinear', inputs: [`${output}_q`, `${output}_s`, `${output}_z`], outputs: [output] },
]
const declared = { inputs: [value('x', ['batch', 2])], outputs: [value('y', ['batch', 2])] }

/** In a branch of an If. */
export function roundsInBranch(): Uint8Array {
  const yes = create(TensorProtoSchema, { name: 'yes', dataType: DataType.BOOL, dims: [], int32Data: [1] })
  const model = modelProto({
    ...declared,
    nodes: [{ op: 'If', inputs: ['yes'], outputs: ['y'] }],
    tensors: [yes],
  })
  for (const name of ['then_branch', 'else_branch']) {
    const g = create(GraphProtoSchema, {
      name,
      node: rounding(name).map(makeNode),
      output: [value(name, ['batch', 2])],
    })
    const attribute = create(AttributeProtoSchema, { name, type: AttributeProto_AttributeType.GRAPH, g })
    model.graph?.node[0]?.attribute.push(attribute)
  }
  return encode(model)
}

/** In a function of the model's own. */
export function roundsInFunction(): Uint8Array {
  const model = modelProto({
    ...declared,
    nodes: [{ op: 'Round8', domain: 'own', inputs: ['x'], outputs: ['y'] }],
  })
  model.opsetImport.push(create(OperatorSetIdProtoSchema, { domain: 'own', version: 1n }))
  model.functions.push(
    create(FunctionProtoSchema, {
      name: 'Round8',
      domain: 'own',
      input: ['x'],
      output: ['y'],
      node: rounding('y').map(makeNode),
      opsetImport: [create(OperatorSetIdProtoSchema, { version: 17n })],
    }),
  )
  return encode(model)
}

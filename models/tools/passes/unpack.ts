import { intOf } from '../graph/attributes.ts'
import { constantNode } from '../graph/constants.ts'
import { type FunctionParts, withFunction } from '../graph/metadata.ts'
import { changeNode, makeNode } from '../graph/node.ts'
import { DataType } from '../onnx/data-type.ts'
import type { Model } from '../onnx/model.ts'
import { floatWeight, int64Weight } from '../onnx/weight.ts'
import type { BlockFormat } from '../quantize/blocks.ts'
import { shapeWeight } from './gather-blocks.ts'
import type { EmbeddingLayer, LinearLayer } from './layers.ts'
import { packedMatrix } from './nbits.ts'
import type { RewriteContext, RewriteRule } from './rewrite.ts'

const domain = 'spillway'
const functionName = (bits: number): string => `Unpack${bits}`

/** Splits bytes into 4-bit halves as floats, the low half first. */
const nibbles = [
  constantNode(floatWeight('sixteenth', [1 / 16], [])),
  constantNode(floatWeight('sixteen', [16], [])),
  constantNode(int64Weight('apart', [0, 0, -1, 1])),
  makeNode({ op: 'Mul', inputs: ['bytes', 'sixteenth'], outputs: ['shifted'] }),
  makeNode({ op: 'Floor', inputs: ['shifted'], outputs: ['high'] }),
  makeNode({ op: 'Mul', inputs: ['high', 'sixteen'], outputs: ['above'] }),
  makeNode({ op: 'Sub', inputs: ['bytes', 'above'], outputs: ['low'] }),
  makeNode({ op: 'Reshape', inputs: ['low', 'apart'], outputs: ['first'] }),
  makeNode({ op: 'Reshape', inputs: ['high', 'apart'], outputs: ['second'] }),
  makeNode({ op: 'Concat', inputs: ['first', 'second'], outputs: ['pairs'], attributes: { axis: 3 } }),
  makeNode({ op: 'Reshape', inputs: ['pairs', 'together'], outputs: ['steps'] }),
]

/**
 * Unpacks weights with plain operators, which the runtime computes once at load: a small download at the speed of
 * floats. On WebAssembly `MatMulNBits` is twenty times slower.
 */
const unpack = (bits: 4 | 8): FunctionParts => ({
  domain,
  name: functionName(bits),
  inputs: ['packed', 'scales', 'shape'],
  outputs: ['floats'],
  nodes: [
    constantNode(floatWeight('middle', [2 ** (bits - 1)], [])),
    constantNode(int64Weight('together', [0, 0, -1])),
    makeNode({ op: 'Cast', inputs: ['packed'], outputs: ['bytes'], attributes: { to: DataType.FLOAT } }),
    ...(bits === 4 ? nibbles : []),
    makeNode({ op: 'Sub', inputs: [bits === 4 ? 'steps' : 'bytes', 'middle'], outputs: ['around'] }),
    makeNode({ op: 'Reshape', inputs: ['scales', 'together'], outputs: ['each'] }),
    makeNode({ op: 'Mul', inputs: ['around', 'each'], outputs: ['scaled'] }),
    makeNode({ op: 'Reshape', inputs: ['scaled', 'shape'], outputs: ['floats'] }),
  ],
})

export const withUnpack = (model: Model, bits: 4 | 8): Model => withFunction(model, unpack(bits))

/** A linear layer's matrix, packed as for `MatMulNBits` and unpacked before the original product. */
export const toUnpacked =
  (layer: LinearLayer, format: BlockFormat): RewriteRule =>
  (node, context) => {
    const matrix = unpacked(layer, { ...format, asymmetric: false }, context)
    const keepsRows = node.opType === 'Gemm' && intOf(node, 'transB', 0) === 1
    const given = keepsRows ? matrix : transposed(matrix, context)
    return [changeNode(node, { input: node.input.map((input, index) => (index === 1 ? given : input)) })]
  }

function unpacked(layer: LinearLayer, format: BlockFormat, context: RewriteContext): string {
  const { data, scales } = packedMatrix(layer.weight, layer, format, context)
  const paddedInputs = Math.ceil(layer.inputs / format.block) * format.block
  const shape = shapeWeight([layer.outputs, paddedInputs], context)
  const op = functionName(format.bits)
  const rows = context.node(`${layer.weight.name}_unpacked`, (output) =>
    makeNode({ op, domain, inputs: [data, scales, shape], outputs: [output] }),
  )
  if (paddedInputs === layer.inputs) return rows
  const [start, end, axis] = [0, layer.inputs, 1].map((size) => shapeWeight([size], context))
  return context.node(`${layer.weight.name}_cut`, (output) =>
    makeNode({ op: 'Slice', inputs: [rows, start ?? '', end ?? '', axis ?? ''], outputs: [output] }),
  )
}

/**
 * An embedding's table, packed as for `MatMulNBits`; only the rows that are read get unpacked. `GatherBlockQuantized`
 * is no option: builds of onnxruntime-web with a native WebGPU backend have no kernel of it for WebAssembly, on
 * whichever backend the session runs.
 */
export const toUnpackedRows =
  ({ weight }: EmbeddingLayer, format: BlockFormat): RewriteRule =>
  (node, context) => {
    const [rows = 0, columns = 0] = weight.dims
    const { data, scales } = packedMatrix(
      weight,
      { rowPerOutput: true, outputs: rows, inputs: columns },
      format,
      context,
    )
    const [indices = '', output = ''] = [node.input[1], node.output[0]]
    const named = (what: string) => context.fresh(`${output}_${what}`)
    const [flat, packed, scale, floats, sizes, dims] = [
      named('indices'),
      named('packed'),
      named('scales'),
      named('floats'),
      named('sizes'),
      named('dims'),
    ]
    const [all, width] = [shapeWeight([-1], context), shapeWeight([columns], context)]
    return [
      makeNode({ op: 'Reshape', inputs: [indices, all], outputs: [flat] }),
      makeNode({ op: 'Gather', inputs: [data, flat], outputs: [packed] }),
      makeNode({ op: 'Gather', inputs: [scales, flat], outputs: [scale] }),
      makeNode({
        op: functionName(format.bits),
        domain,
        inputs: [packed, scale, shapeWeight([-1, columns], context)],
        outputs: [floats],
      }),
      makeNode({ op: 'Shape', inputs: [indices], outputs: [sizes] }),
      makeNode({ op: 'Concat', inputs: [sizes, width], outputs: [dims], attributes: { axis: 0 } }),
      makeNode({ op: 'Reshape', inputs: [floats, dims], outputs: [output] }),
    ]
  }

const transposed = (matrix: string, context: RewriteContext): string =>
  context.node(`${matrix}_turned`, (output) =>
    makeNode({ op: 'Transpose', inputs: [matrix], outputs: [output], attributes: { perm: [1, 0] } }),
  )

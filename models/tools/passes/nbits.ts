import { floatsToHalves } from '../../core/half.ts'
import { contrib, makeNode } from '../graph/node.ts'
import { DataType } from '../onnx/data-type.ts'
import { memoizeLast } from '../onnx/memoize-last.ts'
import { floatsOf } from '../onnx/values.ts'
import { type Weight, weightFrom } from '../onnx/weight.ts'
import {
  type BlockFormat,
  type Blocks,
  blockCount,
  dataBytes,
  type Matrix,
  quantizeBlocks,
  zeroBytes,
} from '../quantize/blocks.ts'
import type { LinearLayer } from './layers.ts'
import type { RewriteContext, RewriteRule } from './rewrite.ts'

/**
 * Activations are rounded to 8 bits per block: several times faster on the CPU, and the usual setting of models on
 * the hub.
 */
const accuracyLevel = 4

const memoized = memoizeLast<Blocks>()

/** `MatMulNBits`: weights in blocks that are unpacked during the product. */
export const toMatMulNBits =
  (layer: LinearLayer, format: BlockFormat): RewriteRule =>
  (node, context) => {
    const { data, scales, zeroPoints } = packedMatrix(layer.weight, layer, format, context)
    const [input = '', output = ''] = [node.input[0], node.output[0]]
    const product = layer.bias === undefined ? output : context.fresh(`${output}_product`)
    const multiply = makeNode({
      op: 'MatMulNBits',
      domain: contrib,
      inputs: format.asymmetric ? [input, data, scales, zeroPoints] : [input, data, scales],
      outputs: [product],
      attributes: {
        K: layer.inputs,
        N: layer.outputs,
        bits: format.bits,
        block_size: format.block,
        accuracy_level: accuracyLevel,
      },
    })
    if (layer.bias === undefined) return [multiply]
    return [multiply, makeNode({ op: 'Add', inputs: [product, layer.bias], outputs: [output] })]
  }

/** A linear layer's matrix or an embedding's table in the layout of MatMulNBits, one row per output. */
export function packedMatrix(
  weight: Weight,
  { rowPerOutput, outputs, inputs }: Pick<LinearLayer, 'rowPerOutput' | 'outputs' | 'inputs'>,
  format: BlockFormat,
  context: RewriteContext,
): Readonly<Record<'data' | 'scales' | 'zeroPoints', string>> {
  const blocks = blockCount(inputs, format)
  const make = () => {
    const values = floatsOf(weight)
    const matrix: Matrix = rowPerOutput
      ? { values, rows: outputs, columns: inputs, rowStride: inputs, columnStride: 1 }
      : { values, rows: outputs, columns: inputs, rowStride: 1, columnStride: outputs }
    return quantizeBlocks(matrix, format)
  }
  const key = {}
  const get = () => memoized(key, make)
  const suffix = `_q${format.bits}`
  const halves = weight.type === DataType.FLOAT16
  return context.weights(`${weight.name} ${rowPerOutput} ${JSON.stringify(format)}`, () => ({
    data: weightFrom(
      weight.name + suffix,
      DataType.UINT8,
      [outputs, blocks, dataBytes(inputs, format) / blocks],
      () => get().data,
    ),
    scales: weightFrom(`${weight.name}_scales`, weight.type, [outputs, blocks], () =>
      halves ? floatsToHalves(get().scales) : get().scales,
    ),
    zeroPoints: weightFrom(
      `${weight.name}_zeros`,
      DataType.UINT8,
      [outputs, zeroBytes(inputs, format)],
      () => get().zeroPoints,
    ),
  }))
}

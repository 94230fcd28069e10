import { makeNode } from '../graph/node.ts'
import { DataType } from '../onnx/data-type.ts'
import { memoizeLast } from '../onnx/memoize-last.ts'
import { floatsOf } from '../onnx/values.ts'
import { type Weight, weightFrom } from '../onnx/weight.ts'
import { type QuantizedChannels, quantizeChannels } from '../quantize/channels.ts'
import type { LinearLayer } from './layers.ts'
import type { RewriteContext, RewriteRule } from './rewrite.ts'

const memoized = memoizeLast<QuantizedChannels>()

/**
 * Dynamic int8: the input is rounded to 8 bits by its own range at every run, and the product is of integers. Written
 * in standard operators, which ONNX Runtime fuses. Layers with the same input share its rounding.
 * @param highest The largest weight: 127, or 63 for processors whose byte products saturate.
 */
export const toDynamicInt8 =
  (layer: LinearLayer, highest: number): RewriteRule =>
  (node, context) => {
    const { weight, scales } = columns(layer, highest, context)
    const [input = '', output = ''] = [node.input[0], node.output[0]]
    const rounded = context.node(`${input}_u8`, (first) =>
      makeNode({
        op: 'DynamicQuantizeLinear',
        inputs: [input],
        outputs: [first, `${first}_scale`, `${first}_zero`],
      }),
    )
    const name = (role: string) => context.fresh(`${output}_${role}`)
    const [sums, floats, scale] = [name('sums'), name('floats'), name('scale')]
    const product = layer.bias === undefined ? output : name('product')
    const nodes = [
      makeNode({ op: 'MatMulInteger', inputs: [rounded, weight, `${rounded}_zero`], outputs: [sums] }),
      makeNode({ op: 'Cast', inputs: [sums], outputs: [floats], attributes: { to: DataType.FLOAT } }),
      makeNode({ op: 'Mul', inputs: [`${rounded}_scale`, scales], outputs: [scale] }),
      makeNode({ op: 'Mul', inputs: [floats, scale], outputs: [product] }),
    ]
    if (layer.bias === undefined) return nodes
    return [...nodes, makeNode({ op: 'Add', inputs: [product, layer.bias], outputs: [output] })]
  }

/** An embedding that reads the columns of a tied product's matrix, which is stored once for both. */
export const toGatheredColumns =
  (tied: LinearLayer, highest: number, indexRank: number): RewriteRule =>
  (node, context) => {
    const { weight, scales } = columns(tied, highest, context)
    const [indices = '', output = ''] = [node.input[1], node.output[0]]
    const name = (role: string) => context.fresh(`${output}_${role}`)
    const [found, floats, scale, scaled] = [name('columns'), name('floats'), name('scale'), name('scaled')]
    const perm = [...Array.from({ length: indexRank }, (_, axis) => axis + 1), 0]
    return [
      makeNode({ op: 'Gather', inputs: [weight, indices], outputs: [found], attributes: { axis: 1 } }),
      makeNode({ op: 'Cast', inputs: [found], outputs: [floats], attributes: { to: DataType.FLOAT } }),
      makeNode({ op: 'Gather', inputs: [scales, indices], outputs: [scale] }),
      makeNode({ op: 'Mul', inputs: [floats, scale], outputs: [scaled] }),
      makeNode({ op: 'Transpose', inputs: [scaled], outputs: [output], attributes: { perm } }),
    ]
  }

/** The matrix for MatMulInteger: one column per output, with a scale each. */
function columns(
  { weight, rowPerOutput, inputs, outputs }: LinearLayer,
  highest: number,
  context: RewriteContext,
): Readonly<Record<'weight' | 'scales', string>> {
  const key = {}
  const get = () =>
    memoized(key, () => {
      const values = floatsOf(weight)
      const stride = rowPerOutput ? { channel: inputs, element: 1 } : { channel: 1, element: outputs }
      const channels = quantizeChannels(values, outputs, inputs, stride, highest)
      return { scales: channels.scales, data: transposed(channels.data, outputs, inputs) }
    })
  return context.weights(
    `${weight.name} columns ${rowPerOutput} ${highest}`,
    (): Record<'weight' | 'scales', Weight> => ({
      weight: weightFrom(`${weight.name}_i8`, DataType.INT8, [inputs, outputs], () => get().data),
      scales: weightFrom(`${weight.name}_scales`, DataType.FLOAT, [outputs], () => get().scales),
    }),
  )
}

function transposed(rows: Int8Array, outputs: number, inputs: number): Int8Array {
  const columns = new Int8Array(rows.length)
  for (let output = 0; output < outputs; output++) {
    for (let input = 0; input < inputs; input++) {
      columns[input * outputs + output] = rows[output * inputs + input] ?? 0
    }
  }
  return columns
}

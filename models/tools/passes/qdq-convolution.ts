import type { Builder } from '../graph/builder.ts'
import { changeNode } from '../graph/node.ts'
import { DataType } from '../onnx/data-type.ts'
import type { Model, Node } from '../onnx/model.ts'
import { floatsOf } from '../onnx/values.ts'
import { weightFrom } from '../onnx/weight.ts'
import { quantizeChannels } from '../quantize/channels.ts'
import type { OtherLayer } from './layers.ts'

/** A convolution with int8 weights, one scale per channel, and an int32 bias in the scale of the products' sums. */
export function quantizeConvolution(
  builder: Builder,
  model: Model,
  node: Node,
  { weight }: OtherLayer,
  inputScale: number,
  highest: number,
): Node {
  const [channels = 0, ...rest] = weight.dims
  const each = rest.reduce((all, size) => all * size, 1)
  // Computed at once because the bias needs the scales; the weights of convolutions are small.
  const { data, scales } = quantizeChannels(
    floatsOf(weight),
    channels,
    each,
    { channel: each, element: 1 },
    highest,
  )
  const floats = builder.fresh(`${weight.name}_floats`)
  const stored = builder.weight(weightFrom(`${weight.name}_i8`, DataType.INT8, weight.dims, data))
  dequantize(
    builder,
    stored,
    scales,
    weightFrom('zeros', DataType.INT8, [channels], new Int8Array(channels)),
    floats,
  )
  const bias = model.weights.get(node.input[2] ?? '')
  if (!bias) return changeNode(node, { input: [node.input[0] ?? '', floats] })
  const biasScales = scales.map((scale) => scale * inputScale)
  const sums = Int32Array.from(floatsOf(bias), (value, channel) =>
    Math.round(value / (biasScales[channel] ?? 1)),
  )
  const rounded = builder.fresh(`${bias.name}_floats`)
  const storedBias = builder.weight(weightFrom(`${bias.name}_i32`, DataType.INT32, [channels], sums))
  dequantize(
    builder,
    storedBias,
    biasScales,
    weightFrom('zeros', DataType.INT32, [channels], new Int32Array(channels)),
    rounded,
  )
  return changeNode(node, { input: [node.input[0] ?? '', floats, rounded] })
}

function dequantize(
  builder: Builder,
  stored: string,
  scales: Float32Array,
  zeros: ReturnType<typeof weightFrom>,
  output: string,
): void {
  const scale = builder.weight(weightFrom(`${output}_scales`, DataType.FLOAT, [scales.length], scales))
  const zero = builder.weight({ ...zeros, name: `${output}_zeros` })
  builder.node({
    op: 'DequantizeLinear',
    inputs: [stored, scale, zero],
    outputs: [output],
    attributes: { axis: 0 },
  })
}

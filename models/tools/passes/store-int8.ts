import { changeNode, makeNode } from '../graph/node.ts'
import { DataType } from '../onnx/data-type.ts'
import { memoizeLast } from '../onnx/memoize-last.ts'
import { floatsOf } from '../onnx/values.ts'
import { type Weight, weightCount, weightFrom } from '../onnx/weight.ts'
import { type QuantizedChannels, quantizeChannels } from '../quantize/channels.ts'
import type { OtherLayer } from './layers.ts'
import type { RewriteContext, RewriteRule } from './rewrite.ts'

const memoized = memoizeLast<QuantizedChannels>()

/**
 * Stores weights as int8, with `Cast` and `Mul` to floats that the runtime computes once at load: a quarter of the
 * download at the speed of floats. The runtime would compute `DequantizeLinear` at every run.
 */
export const toStoredInt8 =
  (layers: readonly OtherLayer[]): RewriteRule =>
  (node, context) => {
    const input = [...node.input]
    for (const layer of layers) input[layer.input] = storedInt8(layer.weight, layer.axis, context)
    return [changeNode(node, { input })]
  }

/** @param axis The axis with one scale per index. */
export function storedInt8(weight: Weight, axis: number, context: RewriteContext): string {
  const { data, scales } = context.weights(`${weight.name} stored ${axis}`, () => channelsOf(weight, axis))
  const floats = context.node(`${weight.name}_floats`, (output) =>
    makeNode({ op: 'Cast', inputs: [data], outputs: [output], attributes: { to: weight.type } }),
  )
  return context.node(`${weight.name}_unpacked`, (output) =>
    makeNode({ op: 'Mul', inputs: [floats, scales], outputs: [output] }),
  )
}

function channelsOf(weight: Weight, axis: number): Record<'data' | 'scales', Weight> {
  const key = {}
  const get = () => memoized(key, () => inPlace(floatsOf(weight), weight, axis))
  const shape = weight.dims.map((size, at) => (at === axis ? size : 1))
  return {
    data: weightFrom(`${weight.name}_i8`, DataType.INT8, weight.dims, () => get().data),
    scales: weightFrom(`${weight.name}_scales`, DataType.FLOAT, shape, () => get().scales),
  }
}

/** Quantizes channels along an axis; elements stay in their places. */
function inPlace(values: Float32Array, weight: Weight, axis: number): QuantizedChannels {
  const channels = weight.dims[axis] ?? 1
  const inner = weight.dims.slice(axis + 1).reduce((all, size) => all * size, 1)
  const outer = weightCount(weight) / (channels * inner)
  const data = new Int8Array(values.length)
  const scales = new Float32Array(channels)
  for (let channel = 0; channel < channels; channel++) {
    const own = new Float32Array(outer * inner)
    const from = (block: number) => (block * channels + channel) * inner
    for (let block = 0; block < outer; block++)
      own.set(values.subarray(from(block), from(block) + inner), block * inner)
    const one = quantizeChannels(own, 1, own.length, { channel: own.length, element: 1 }, 127)
    scales[channel] = one.scales[0] ?? 1
    for (let block = 0; block < outer; block++)
      data.set(one.data.subarray(block * inner, (block + 1) * inner), from(block))
  }
  return { data, scales }
}

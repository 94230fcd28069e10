import { type Builder, createBuilder } from '../graph/builder.ts'
import { changeNode } from '../graph/node.ts'
import { DataType } from '../onnx/data-type.ts'
import type { Model, Node } from '../onnx/model.ts'
import { floatWeight, weightFrom } from '../onnx/weight.ts'
import type { OtherLayer } from './layers.ts'
import { quantizeConvolution } from './qdq-convolution.ts'
import { quantizedValues } from './qdq-values.ts'

/** The smallest and the largest measured value. */
export interface Range {
  readonly low: number
  readonly high: number
}

/** Quantization parameters of a byte: its value is `(byte − zero) × scale`. */
export interface ByteSteps {
  readonly scale: number
  readonly zero: number
}

/**
 * Static int8: values around convolutions are rounded to bytes by ranges measured beforehand. Written as pairs of
 * QuantizeLinear and DequantizeLinear, which the runtime turns into int8 convolutions.
 * @param ranges Ranges of all values that `quantizedValues` names for these layers.
 * @param highest The largest weight: 127, or 63 for processors whose byte products saturate.
 */
export function toStaticInt8(
  model: Model,
  layers: readonly OtherLayer[],
  ranges: ReadonlyMap<string, Range>,
  highest: number,
): Model {
  const byNode = new Map(layers.map((layer) => [layer.node, layer]))
  const sources = quantizedValues(model, new Set(byNode.keys()))
  const steps = new Map([...sources].map(([name, source]) => [name, stepsOf(ranges.get(source))]))
  const builder = createBuilder(model)
  // Inputs keep their names for callers, so their rounded form gets another name. Other values keep theirs.
  const renamed = new Map<string, string>()
  for (const { name } of model.inputs) {
    const own = steps.get(name)
    if (!own) continue
    const rounded = builder.fresh(`${name}_rounded`)
    renamed.set(name, rounded)
    round(builder, name, rounded, own)
  }
  for (const node of model.nodes) {
    const output = node.output.map((name) => (steps.has(name) ? builder.fresh(`${name}_raw`) : name))
    const changed = changeNode(node, { input: node.input.map((name) => renamed.get(name) ?? name), output })
    const layer = byNode.get(node)
    const scale = steps.get(node.input[0] ?? '')?.scale ?? 1
    builder.keep(layer ? quantizeConvolution(builder, model, changed, layer, scale, highest) : changed)
    for (const [index, name] of node.output.entries()) {
      const own = steps.get(name)
      if (own) round(builder, output[index] ?? '', name, own)
    }
  }
  return builder.finish()
}

/** Rounds a value to bytes and back. */
function round(builder: Builder, from: string, to: string, { scale, zero }: ByteSteps): void {
  const inputs = [
    builder.weight(floatWeight(`${to}_scale`, [scale], [])),
    builder.weight(weightFrom(`${to}_zero`, DataType.UINT8, [], Uint8Array.of(zero))),
  ]
  const bytes = builder.fresh(`${to}_u8`)
  builder.node({ op: 'QuantizeLinear', inputs: [from, ...inputs], outputs: [bytes] })
  builder.node({ op: 'DequantizeLinear', inputs: [bytes, ...inputs], outputs: [to] })
}

/** Zero is represented exactly, because convolutions pad with it. */
function stepsOf({ low, high }: Range = { low: 0, high: 0 }): ByteSteps {
  const [least, most] = [Math.min(0, low), Math.max(0, high)]
  const scale = Math.fround((most - least) / 255) || 1
  return { scale, zero: Math.max(0, Math.min(255, Math.round(-least / scale))) }
}

export const canBeStatic = (model: Model, { input }: Node): boolean =>
  !input[2] || model.weights.has(input[2])

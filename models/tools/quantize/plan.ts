import { DataType } from '../onnx/data-type.ts'
import { weightCount } from '../onnx/weight.ts'
import type { EmbeddingLayer, Layer, LinearLayer, OtherLayer } from '../passes/layers.ts'
import type { BlockFormat } from './blocks.ts'
import { isKept, type Target } from './target.ts'

/** How a layer's weights are quantized. */
export type LayerStep =
  | { readonly how: 'nbits' | 'unpack'; readonly layer: LinearLayer; readonly format: BlockFormat }
  | { readonly how: 'dynamic'; readonly layer: LinearLayer; readonly highest: number }
  | {
      readonly how: 'gather' | 'unpackRows'
      readonly layer: EmbeddingLayer
      readonly format: BlockFormat
      readonly rank: number
    }
  | {
      readonly how: 'columns'
      readonly layer: EmbeddingLayer
      readonly tied: LinearLayer
      readonly highest: number
      readonly rank: number
    }
  | { readonly how: 'stored'; readonly layer: OtherLayer }
  | { readonly how: 'static'; readonly layer: OtherLayer; readonly highest: number }

/** A layer that stays as it is, with the reason. */
export interface Kept {
  readonly how: 'kept'
  readonly layer: Layer
  readonly reason: string
}

export type Step = LayerStep | Kept

/** Below this size a scale and another operator cost more than the weights save. */
const minElements = 1024
/** Rounding the input pays only for layers with many weights; small ones would lose accuracy and gain nothing. */
const minDynamicElements = 32_768

/** What a plan needs to know of a layer besides its weights. */
export interface LayerFacts {
  /** Number of dimensions of an embedding's indices. */
  indexRank(layer: EmbeddingLayer): number | undefined
  /** Whether an int8 product is no slower, with the rows of one caller's input. */
  worthDynamic(layer: LinearLayer): boolean
  /** Whether an int8 convolution is faster. */
  worthStatic(layer: OtherLayer): boolean
}

export function planLayers(layers: readonly Layer[], target: Target, facts: LayerFacts): readonly Step[] {
  return layers.map((layer): Step => {
    const choice = choose(layer, layers, target, facts)
    return typeof choice === 'string' ? { how: 'kept', layer, reason: choice } : choice
  })
}

function choose(
  layer: Layer,
  layers: readonly Layer[],
  target: Target,
  facts: LayerFacts,
): LayerStep | string {
  if (isKept(layer.name, target.keep) || isKept(layer.weight.name, target.keep)) return 'named to be kept'
  if (weightCount(layer.weight) < minElements) return 'small'
  // The operators of an embedding and of a tied product pack zero points differently.
  const tied = layers.some((other) => other !== layer && other.weight === layer.weight)
  const bits = target.precision === 'q8' ? 8 : 4
  const format: BlockFormat = { bits, block: 32, asymmetric: target.asymmetric && !tied }
  switch (layer.kind) {
    case 'linear':
      return linear(layer, target, format, facts)
    case 'embedding':
      return embedding(layer, layers, target, format, facts)
    default:
      if (layer.weight.type !== DataType.FLOAT) return 'its weights are half floats already'
      if (layer.kind === 'convolution' && roundsInputs(target, layer) && facts.worthStatic(layer)) {
        return { how: 'static', layer, highest: highestOf(target) }
      }
      return { how: 'stored', layer }
  }
}

/** Whether to compute products in integers and round their inputs. WebGPU would run these on the CPU. */
const roundsInputs = ({ backend, precision, weightOnly }: Target, { name }: Layer): boolean =>
  precision === 'q8' && backend !== 'webgpu' && !isKept(name, weightOnly)
const highestOf = ({ reduceRange }: Target): number => (reduceRange ? 63 : 127)

function linear(
  layer: LinearLayer,
  target: Target,
  format: BlockFormat,
  facts: LayerFacts,
): LayerStep | string {
  const full = layer.weight.type === DataType.FLOAT
  if (layer.inputs < format.block) return `its rows are shorter than a block of ${format.block}`
  const byBytes = target.precision === 'q8' && target.backend !== 'webgpu' && full
  const worth = weightCount(layer.weight) >= minDynamicElements && facts.worthDynamic(layer)
  if (byBytes && roundsInputs(target, layer) && worth) {
    return { how: 'dynamic', layer, highest: highestOf(target) }
  }
  if (byBytes) return { how: 'unpack', layer, format }
  if (target.backend !== 'wasm') return { how: 'nbits', layer, format }
  return full ? { how: 'unpack', layer, format } : 'weights for WASM are made from float32'
}

const isStep = (how: LayerStep | string, name: LayerStep['how']): boolean =>
  typeof how !== 'string' && how.how === name

function embedding(
  layer: EmbeddingLayer,
  layers: readonly Layer[],
  target: Target,
  format: BlockFormat,
  facts: LayerFacts,
): LayerStep | string {
  const rank = facts.indexRank(layer)
  if (rank === undefined) return 'the shape of its indices is not known'
  const tied = layers.find((other) => other.kind === 'linear' && other.weight === layer.weight)
  if (tied?.kind === 'linear' && isStep(linear(tied, target, format, facts), 'dynamic')) {
    return { how: 'columns', layer, tied, highest: highestOf(target), rank }
  }
  if ((layer.weight.dims[1] ?? 0) % format.block !== 0)
    return `the length of its rows is not a multiple of ${format.block}`
  const plain = { ...format, asymmetric: false }
  if (target.backend !== 'wasm') return { how: 'gather', layer, format: plain, rank }
  if (layer.weight.type !== DataType.FLOAT) return 'weights for WASM are made from float32'
  return { how: 'unpackRows', layer, format: plain, rank }
}

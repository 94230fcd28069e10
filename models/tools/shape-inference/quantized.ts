import { intOf } from '../graph/attributes.ts'
import { contrib } from '../graph/node.ts'
import { DataType } from '../onnx/data-type.ts'
import { axisOf, type InferenceRule, known, like } from './known.ts'

const quantize: InferenceRule = (_node, [input, , zero]) => [
  known(zero?.type ?? DataType.UINT8, input?.shape),
]

const dequantize: InferenceRule = (_node, [input, scale]) => [
  known(scale?.type ?? DataType.FLOAT, input?.shape),
]

const dynamicQuantize: InferenceRule = (_node, [input]) => [
  known(DataType.UINT8, input?.shape),
  known(DataType.FLOAT, []),
  known(DataType.UINT8, []),
]

const matMulNBits: InferenceRule = (node, [input]) => [
  like(input, input?.shape && [...input.shape.slice(0, -1), intOf(node, 'N', Number.NaN)]),
]

const matMulFloat: InferenceRule = (_node, [a, b]) => [
  known(DataType.FLOAT, a?.shape && b?.shape && [...a.shape.slice(0, -1), b.shape.at(-1) ?? Number.NaN]),
]

/** Data of type uint8 holds one element of 8 bits or two of 4 bits per byte; other types hold one element each. */
const gatherBlocks: InferenceRule = (node, [data, indices, scales]) => {
  const axis = axisOf(intOf(node, 'gather_axis', 0), data?.shape?.length ?? 0)
  const packed = data?.type === DataType.UINT8 && intOf(node, 'bits', 4) === 4 ? 2 : 1
  const sizes = data?.shape?.map((size, at, all) => (at === all.length - 1 ? size * packed : size))
  const shape = sizes &&
    indices?.shape && [...sizes.slice(0, axis), ...indices.shape, ...sizes.slice(axis + 1)]
  return [known(scales?.type ?? DataType.FLOAT, shape)]
}

/** The normalised value, and where requested the sum that was normalised. */
const normalize: InferenceRule = (node, [input]) =>
  node.output.map((_, index) =>
    index === 0 || index === 3 ? like(input, input?.shape) : like(input, undefined),
  )

const attention: InferenceRule = (node, [query, key, , pastKey, , , total]) => {
  const past = pastKey?.shape
  const sequence = query?.shape?.[1]
  const length = total?.ints?.[0] ?? (past && sequence !== undefined ? (past[2] ?? 0) + sequence : undefined)
  const present =
    past && length !== undefined ? past.map((size, axis) => (axis === 2 ? length : size)) : undefined
  const heads = intOf(node, 'num_heads', 1)
  const both = heads + 2 * intOf(node, 'kv_num_heads', 1)
  const width = query?.shape?.at(-1)
  const packed = key === undefined && width !== undefined ? (width / both) * heads : width
  const shape = query?.shape && [...query.shape.slice(0, -1), packed ?? Number.NaN]
  return [like(query, shape), like(query, present), like(query, present)].slice(0, node.output.length)
}

/** The cache is updated in place, so its outputs have its shape. */
const pagedAttention: InferenceRule = (node, [query, , , keyCache, valueCache]) => {
  const [tokens, headSize] = [query?.shape?.[0], keyCache?.shape?.[3]]
  const isKnown = tokens !== undefined && headSize !== undefined
  const shape = isKnown ? [tokens, intOf(node, 'num_heads', 1) * headSize] : undefined
  return [like(query, shape), like(keyCache, keyCache?.shape), like(valueCache, valueCache?.shape)]
}

const first: InferenceRule = (_node, [input]) => [like(input, input?.shape)]

const own = (name: string) => `${contrib}.${name}`

export const quantized: readonly [string, InferenceRule][] = [
  ['QuantizeLinear', quantize],
  ['DequantizeLinear', dequantize],
  ['DynamicQuantizeLinear', dynamicQuantize],
  ['SimplifiedLayerNormalization', normalize],
  [own('MatMulNBits'), matMulNBits],
  [own('GatherBlockQuantized'), gatherBlocks],
  [own('SimplifiedLayerNormalization'), normalize],
  [own('SkipSimplifiedLayerNormalization'), normalize],
  [own('SkipLayerNormalization'), normalize],
  [own('GroupQueryAttention'), attention],
  [own('PagedAttention'), pagedAttention],
  [own('DynamicQuantizeMatMul'), matMulFloat],
  [own('MatMulIntegerToFloat'), matMulFloat],
  [own('QuantizeLinear'), quantize],
  [own('DequantizeLinear'), dequantize],
  ...['RotaryEmbedding', 'Gelu', 'FastGelu', 'BiasGelu', 'QuickGelu'].map((name): [string, InferenceRule] => [
    own(name),
    first,
  ]),
]

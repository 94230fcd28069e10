import { floatOf, intOf, stringOf } from '../graph/attributes.ts'
import { operatorOf } from '../graph/node.ts'
import { declaredOf } from '../graph/values.ts'
import { readersOf } from '../onnx/data-flow.ts'
import { DataType } from '../onnx/data-type.ts'
import type { Model, Node } from '../onnx/model.ts'
import { showNode } from '../onnx/sort-nodes.ts'
import { cannotPage } from './cannot-page.ts'

/** An attention node that can be paged. */
export interface PageableAttention {
  readonly node: Node
  readonly kvHeads: number
  readonly headSize: number
  /** Last dimension of the query, or of the packed query, key and value. */
  readonly queryWidth: number
  readonly keyWidth: number
  readonly outputWidth: number
}

/** Inputs of GroupQueryAttention, by index. */
export const attentionInputs = {
  query: 0,
  key: 1,
  value: 2,
  pastKey: 3,
  pastValue: 4,
  cosines: 7,
  sines: 8,
  positions: 9,
} as const

/** Inputs that PagedAttention does not have, or not on WebGPU. */
const refusedInputs = new Map([
  [10, 'attention_bias'],
  [11, 'head_sink'],
  [12, 'k_scale'],
  [13, 'v_scale'],
  [14, 'q_norm_weight'],
  [15, 'k_norm_weight'],
])

/** Attributes that both operators have, with the same meaning. */
export const sharedAttributes: ReadonlySet<string> = new Set([
  'num_heads',
  'kv_num_heads',
  'scale',
  'do_rotary',
  'rotary_interleaved',
  'local_window_size',
])

/** Whether an attribute that PagedAttention of WebGPU lacks has the value that changes nothing. */
const isNeutral = new Map<string, (node: Node) => boolean>([
  ['causal', (node) => intOf(node, 'causal', 1) === 1],
  ['k_quant_type', (node) => stringOf(node, 'k_quant_type', 'NONE') === 'NONE'],
  ['kv_cache_bit_width', (node) => intOf(node, 'kv_cache_bit_width', 0) === 0],
  ['qk_output', (node) => intOf(node, 'qk_output', 0) === 0],
  // It belongs to q_norm_weight and k_norm_weight, which are refused themselves.
  ['qk_norm_epsilon', () => true],
  ['sliding_window_cache', (node) => intOf(node, 'sliding_window_cache', 0) === 0],
  ['smooth_softmax', (node) => intOf(node, 'smooth_softmax', 0) !== 1],
  ['softcap', (node) => floatOf(node, 'softcap', 0) === 0],
  ['v_quant_type', (node) => stringOf(node, 'v_quant_type', 'NONE') === 'NONE'],
])

const isAttention = (node: Node) => operatorOf(node) === 'com.microsoft.GroupQueryAttention'

/** @throws SpillwayError `not_supported` where the model has no attention that can be paged, or some that cannot. */
export function pageableAttentions(model: Model): ReadonlyMap<Node, PageableAttention> {
  const nodes = model.nodes.filter(isAttention)
  if (nodes.length === 0) {
    throw cannotPage('it has no GroupQueryAttention', {
      expected: 'a decoder in the layout of the hub, with com.microsoft.GroupQueryAttention in float16',
      hint: 'Take a variant that was exported for WebGPU (onnx/model_q4f16.onnx on the hub), or make one with spillway import.',
    })
  }
  checkCache(model, nodes)
  return new Map(nodes.map((node) => [node, pageable(model, node)]))
}

function pageable(model: Model, node: Node): PageableAttention {
  const what = showNode(node)
  for (const [index, name] of refusedInputs) {
    if (node.input[index]) throw cannotPage(`PagedAttention has no ${name} on WebGPU`, { got: what })
  }
  for (const { name } of node.attribute) {
    if (sharedAttributes.has(name) || isNeutral.get(name)?.(node)) continue
    throw cannotPage(`PagedAttention has no ${name} on WebGPU`, { got: what })
  }
  if (node.output[3]) throw cannotPage('PagedAttention has no output of its products', { got: what })
  const positions = node.input[attentionInputs.positions]
  if (positions && positions !== 'position_ids') {
    throw cannotPage('PagedAttention counts positions from the start of a text', {
      expected: 'no positions of its own, or the input "position_ids"',
      got: `"${positions}" in ${what}`,
    })
  }
  if (Boolean(node.input[attentionInputs.key]) !== Boolean(node.input[attentionInputs.value]))
    throw cannotPage('an attention has a key or a value, and not both', { got: what })
  const heads = intOf(node, 'num_heads', 0)
  const { kvHeads, headSize } = cacheShape(model, node)
  const outputWidth = heads * headSize
  const keyWidth = kvHeads * headSize
  const queryWidth = node.input[attentionInputs.key] ? outputWidth : outputWidth + 2 * keyWidth
  return { node, kvHeads, headSize, queryWidth, keyWidth, outputWidth }
}

function cacheShape(model: Model, node: Node): Pick<PageableAttention, 'kvHeads' | 'headSize'> {
  const value = model.inputs.find(({ name }) => name === node.input[attentionInputs.pastKey])
  const { type, shape = [] } = value ? declaredOf(value) : { type: DataType.UNDEFINED }
  if (type !== DataType.FLOAT16) {
    throw cannotPage('PagedAttention of WebGPU keeps keys and values in float16', {
      expected: 'past_key_values in float16',
      got: type === DataType.FLOAT ? 'float32' : `element type ${type}`,
      hint: 'Take a variant that computes in half precision: q4f16 or fp16.',
    })
  }
  const kvHeads = intOf(node, 'kv_num_heads', 0)
  const headSize = shape[3]
  if (
    shape.length === 4 &&
    typeof headSize === 'number' &&
    (shape[1] === kvHeads || typeof shape[1] !== 'number')
  )
    return { kvHeads, headSize }
  throw cannotPage('the shape of the cache does not say its heads', {
    expected: `[batch, ${kvHeads}, past length, a number]`,
    got: `[${shape.map((size) => size ?? '?').join(', ')}] of "${value?.name}"`,
  })
}

/** Past keys and values come from inputs that nothing else reads; the present ones go to outputs only. */
function checkCache(model: Model, nodes: readonly Node[]): void {
  const inputs = new Set(model.inputs.map(({ name }) => name))
  const outputs = new Set(model.outputs.map(({ name }) => name))
  const readers = readersOf(model)
  for (const node of nodes) {
    const past = [node.input[attentionInputs.pastKey] ?? '', node.input[attentionInputs.pastValue] ?? '']
    const present = [node.output[1] ?? '', node.output[2] ?? '']
    const strays = [
      ...past.filter((name) => !inputs.has(name) || readers.get(name)?.length !== 1),
      ...present.filter((name) => !outputs.has(name) || readers.has(name)),
    ]
    if (strays.length === 0) continue
    throw cannotPage('keys and values are used outside of the attention', {
      expected: 'past_key_values that only their attention reads, and present that only it writes',
      got: `"${strays.join('", "')}" of ${showNode(node)}`,
    })
  }
}

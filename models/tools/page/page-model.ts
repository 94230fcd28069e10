import { type Builder, createBuilder } from '../graph/builder.ts'
import { constantsToWeights } from '../graph/constants.ts'
import { changeNode, contrib, makeNode, operatorOf } from '../graph/node.ts'
import type { Model, Node } from '../onnx/model.ts'
import { int64Weight } from '../onnx/weight.ts'
import { upgradeOpset } from '../passes/upgrade.ts'
import { attentionInputs, type PageableAttention, pageableAttentions, sharedAttributes } from './attention.ts'
import { cannotPage } from './cannot-page.ts'
import { isEmbedding, withPagedInterface, withReadInputs } from './interface.ts'
import { headOf, withFloatLogits } from './wanted-logits.ts'

/**
 * A decoder whose keys and values are kept in blocks: `GroupQueryAttention` becomes `PagedAttention`, which only GPUs
 * have. Rows of any length are packed one after the other into one sequence of tokens.
 *
 * Inputs:
 * - `input_ids` int64 `[tokens]`
 * - `position_ids` int64 `[1, tokens]`, where the graph rotates outside of its attention
 * - `block_table` int32 `[rows, blocks_per_row]`
 * - `cumulative_sequence_lengths` int32 `[rows + 1]`, `past_sequence_lengths` int32 `[rows]`
 * - `attention_metadata` int32 `[2]`: the most new tokens of a row, and the most tokens of a row with the new ones
 * - `logits_indices` int64 `[wanted]`: the tokens whose logits are returned
 * - `past_key_values.N.key` and `.value` float16 `[blocks, block_size, heads, head size]`
 *
 * Outputs: `logits` float32 `[1, wanted, vocabulary]`, and `present.N.key` and `.value`, whose buffers have to be those
 * of the past. Other outputs are left out.
 *
 * @throws SpillwayError `not_supported` where the graph has another layout, or what WebGPU cannot compute.
 */
export function pageModel(given: Model): Model {
  if (isPaged(given)) throw cannotPage('it is paged already')
  const model = withFloatLogits(upgradeOpset(constantsToWeights(given)))
  const attentions = pageableAttentions(model)
  const head = headOf(model)
  const builder = createBuilder(withPagedInterface(model, attentions.values()))
  const reshape = createReshape(builder)
  const firstAxis = builder.weight(int64Weight('first_axis', [0]))
  for (const node of model.nodes) {
    const attention = attentions.get(node)
    if (attention) writeAttention(builder, reshape, attention)
    else if (isEmbedding(node)) writeEmbedding(builder, node, firstAxis)
    else if (node === head.node) writeHead(builder, node, head.hidden)
    else builder.keep(node)
  }
  return withReadInputs(builder.finish(), model)
}

/** Whether a decoder keeps its keys and values in blocks. */
export const isPaged = ({ nodes }: Pick<Model, 'nodes'>): boolean =>
  nodes.some((node) => operatorOf(node) === `${contrib}.PagedAttention`)

/** Token ids stay packed up to here: 64-bit integers would leave the GPU to be reshaped. */
function writeEmbedding(builder: Builder, node: Node, firstAxis: string): void {
  const [output = ''] = node.output
  const packed = builder.fresh(`${output}.packed`)
  builder.keep(changeNode(node, { output: [packed] }))
  builder.node({ op: 'Unsqueeze', inputs: [packed, firstAxis], outputs: [output] })
}

/** Writes a Reshape and returns its output. */
type WriteReshape = (input: string, shape: readonly number[], output: string) => string

/** Nodes with a common shape share its weight. */
function createReshape(builder: Builder): WriteReshape {
  const shapes = new Map<string, string>()
  return (input, shape, output) => {
    const key = shape.join()
    const weight = shapes.get(key) ?? builder.weight(int64Weight('packed_shape', shape))
    shapes.set(key, weight)
    builder.node({ op: 'Reshape', inputs: [input, weight], outputs: [output] })
    return output
  }
}

function writeAttention(builder: Builder, reshape: WriteReshape, attention: PageableAttention): void {
  const { node, queryWidth, keyWidth, outputWidth } = attention
  const [output = '', ...present] = node.output
  const at = (index: number) => node.input[index] ?? ''
  const rows = (index: number, width: number, role: string) =>
    at(index) && reshape(at(index), [-1, width], builder.fresh(`${output}.${role}`))
  const packed = builder.fresh(`${output}.packed`)
  const paged = makeNode({
    op: 'PagedAttention',
    domain: contrib,
    inputs: [
      rows(attentionInputs.query, queryWidth, 'query'),
      rows(attentionInputs.key, keyWidth, 'key'),
      rows(attentionInputs.value, keyWidth, 'value'),
      at(attentionInputs.pastKey),
      at(attentionInputs.pastValue),
      'cumulative_sequence_lengths',
      'past_sequence_lengths',
      'block_table',
      at(attentionInputs.cosines),
      at(attentionInputs.sines),
      // slot_mapping, head_sink, q_norm_weight, k_norm_weight, k_scale and v_scale.
      ...['', '', '', '', '', ''],
      'attention_metadata',
    ],
    outputs: [packed, ...present],
  })
  builder.keep(
    changeNode(paged, {
      name: node.name,
      attribute: node.attribute.filter(({ name }) => sharedAttributes.has(name)),
    }),
  )
  reshape(packed, [1, -1, outputWidth], output)
}

/** The head, of the tokens whose logits are wanted: a prompt is not multiplied with the whole vocabulary. */
function writeHead(builder: Builder, node: Node, hidden: string): void {
  const wanted = builder.fresh('wanted_hidden_states')
  builder.node({
    op: 'Gather',
    inputs: [hidden, 'logits_indices'],
    outputs: [wanted],
    attributes: { axis: 1 },
  })
  builder.keep(changeNode(node, { input: [wanted, ...node.input.slice(1)] }))
}

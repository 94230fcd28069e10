import { intOf } from '../graph/attributes.ts'
import { withGraphMetadata } from '../graph/metadata.ts'
import { operatorOf } from '../graph/node.ts'
import { declaredOf, makeValue } from '../graph/values.ts'
import { readersOf } from '../onnx/data-flow.ts'
import { DataType } from '../onnx/data-type.ts'
import type { Model, Node, Value } from '../onnx/model.ts'
import { showNode } from '../onnx/sort-nodes.ts'
import { attentionInputs, type PageableAttention } from './attention.ts'
import { cannotPage } from './cannot-page.ts'

/** The model with a paged graph's inputs and outputs, before its nodes are rewritten. */
export function withPagedInterface(model: Model, attentions: Iterable<PageableAttention>): Model {
  const caches = new Map<string, Value>()
  for (const { node, kvHeads, headSize } of attentions) {
    const past = [node.input[attentionInputs.pastKey], node.input[attentionInputs.pastValue]]
    for (const name of [...past, node.output[1], node.output[2]]) {
      if (name === undefined) continue
      caches.set(name, makeValue(name, DataType.FLOAT16, ['blocks', 'block_size', kvHeads, headSize]))
    }
  }
  const cachesOf = (values: readonly Value[]) => values.flatMap(({ name }) => caches.get(name) ?? [])
  const logits = model.outputs.find(({ name }) => name === 'logits')
  const vocabulary = (logits && declaredOf(logits).shape?.at(-1)) ?? 'vocabulary'
  return {
    ...model,
    inputs: [
      makeValue('input_ids', DataType.INT64, ['tokens']),
      makeValue('position_ids', DataType.INT64, [1, 'tokens']),
      makeValue('block_table', DataType.INT32, ['rows', 'blocks_per_row']),
      makeValue('cumulative_sequence_lengths', DataType.INT32, ['rows + 1']),
      makeValue('past_sequence_lengths', DataType.INT32, ['rows']),
      makeValue('attention_metadata', DataType.INT32, [2]),
      makeValue('logits_indices', DataType.INT64, ['wanted']),
      ...cachesOf(model.inputs),
    ],
    outputs: [makeValue('logits', DataType.FLOAT, [1, 'wanted', vocabulary]), ...cachesOf(model.outputs)],
    // Declared shapes of values would be those of padded rows.
    graphMetadata: withGraphMetadata(model, { valueInfo: [] }),
  }
}

/** Operators that look rows of a table up, with the attribute that names the axis of the rows. */
const gatherAxes = new Map([
  ['Gather', 'axis'],
  ['com.microsoft.GatherBlockQuantized', 'gather_axis'],
])

/** Whether a node turns the token ids into hidden states. */
export function isEmbedding(node: Node): boolean {
  const axis = gatherAxes.get(operatorOf(node))
  return axis !== undefined && node.input[1] === 'input_ids' && intOf(node, axis, 0) === 0
}

/**
 * The paged model without the inputs that no node reads.
 *
 * @throws SpillwayError `not_supported` where a node reads an input that a paged graph does not have, or token ids
 * that are not embedded.
 */
export function withReadInputs(paged: Model, original: Model): Model {
  const readers = readersOf(paged)
  const own = new Set(paged.inputs.map(({ name }) => name))
  for (const { name } of original.inputs) {
    if (own.has(name) && name !== 'input_ids') continue
    const stray = readers.get(name)?.find((node) => !isEmbedding(node))
    if (stray === undefined) continue
    const place = name === 'input_ids' ? 'embedding' : 'attention'
    throw cannotPage(`"${name}" is used outside of the ${place}`, { got: showNode(stray) })
  }
  return { ...paged, inputs: paged.inputs.filter(({ name }) => readers.has(name)) }
}

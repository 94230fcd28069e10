import { createBuilder } from '../../../models/tools/graph/builder.ts'
import { changeNode, contrib, makeNode } from '../../../models/tools/graph/node.ts'
import { DataType } from '../../../models/tools/onnx/data-type.ts'
import type { Model, Node } from '../../../models/tools/onnx/model.ts'
import { int64Weight, weightFrom } from '../../../models/tools/onnx/weight.ts'
import { ortRuntime } from '../../../models/tools/run-model/ort.ts'
import { withLoaded } from '../../../models/tools/run-model/with-loaded.ts'

/**
 * The logits of a paged graph after the wanted tokens of one text. The CPU has no PagedAttention: what it computes of a
 * text from its beginning, GroupQueryAttention computes without blocks. All else of the graph runs as it is.
 */
export async function pagedLogits(
  paged: Model,
  tokens: readonly number[],
  wanted: readonly number[],
): Promise<{ readonly shape: readonly number[]; readonly data: Float32Array }> {
  const int64 = (values: readonly number[], shape: readonly number[] = [values.length]) => ({
    type: 'int64' as const,
    data: BigInt64Array.from(values, BigInt),
    shape,
  })
  const hasPositions = paged.inputs.some(({ name }) => name === 'position_ids')
  const positions = tokens.map((_, at) => at)
  return withLoaded(
    ortRuntime,
    withoutBlocks(paged, tokens.length),
    { backend: 'cpu', threads: 1 },
    async (runnable) => {
      const { logits } = await runnable.run({
        input_ids: int64(tokens),
        logits_indices: int64(wanted),
        ...(hasPositions && { position_ids: int64(positions, [1, positions.length]) }),
      })
      if (!(logits?.data instanceof Float32Array)) throw new Error('no logits of floats')
      return { shape: logits.shape, data: logits.data }
    },
  )
}

function withoutBlocks(paged: Model, length: number): Model {
  const own = new Set(['input_ids', 'position_ids', 'logits_indices'])
  const builder = createBuilder({
    ...paged,
    inputs: paged.inputs.filter(({ name }) => own.has(name)),
    outputs: paged.outputs.filter(({ name }) => name === 'logits'),
  })
  const int32 = (name: string, value: number, dims: readonly number[]) =>
    builder.weight(weightFrom(name, DataType.INT32, dims, Int32Array.of(value)))
  const shared = {
    before: int32('before', length - 1, [1]),
    total: int32('total', length, []),
    axis: builder.weight(int64Weight('rows_axis', [0])),
  }
  for (const node of paged.nodes) {
    if (node.opType !== 'PagedAttention') builder.keep(node)
    else for (const one of plainAttention(node, shared)) builder.keep(one)
  }
  return builder.finish()
}

function plainAttention(
  node: Node,
  { before, total, axis }: { readonly before: string; readonly total: string; readonly axis: string },
): readonly Node[] {
  const [output = ''] = node.output
  const apart = node.input.slice(0, 3).map((name) => name && `${name}.row`)
  const attention = makeNode({
    op: 'GroupQueryAttention',
    domain: contrib,
    inputs: [...apart, '', '', before, total, ...node.input.slice(8, 10)],
    outputs: [`${output}.row`, `${output}.key`, `${output}.value`],
  })
  return [
    ...node.input
      .slice(0, 3)
      .filter(Boolean)
      .map((name) => makeNode({ op: 'Unsqueeze', inputs: [name, axis], outputs: [`${name}.row`] })),
    changeNode(attention, { attribute: node.attribute }),
    makeNode({ op: 'Squeeze', inputs: [`${output}.row`, axis], outputs: [output] }),
  ]
}

import { contrib, makeNode } from '../graph/node.ts'
import { int64Weight } from '../onnx/weight.ts'
import { type BlockFormat, blockCount } from '../quantize/blocks.ts'
import type { EmbeddingLayer } from './layers.ts'
import { packedMatrix } from './nbits.ts'
import type { RewriteContext, RewriteRule } from './rewrite.ts'

/**
 * `GatherBlockQuantized` over a table in the layout of `MatMulNBits`, so that a tied output layer shares the stored
 * weights. The blocks of a row are a dimension of their own.
 * @param indexRank Number of dimensions of the indices.
 */
export const toGatherBlocks =
  ({ weight }: EmbeddingLayer, format: BlockFormat, indexRank: number): RewriteRule =>
  (node, context) => {
    const [rows = 0, columns = 0] = weight.dims
    // The two operators pack zero points differently.
    const plain = { ...format, asymmetric: false }
    const { data, scales } = packedMatrix(
      weight,
      { rowPerOutput: true, outputs: rows, inputs: columns },
      plain,
      context,
    )
    const [indices = '', output = ''] = [node.input[1], node.output[0]]
    const apart = reshaped(scales, [rows, blockCount(columns, plain), 1], context)
    const blocks = context.fresh(`${output}_blocks`)
    const gather = makeNode({
      op: 'GatherBlockQuantized',
      domain: contrib,
      inputs: [data, indices, apart],
      outputs: [blocks],
      attributes: { bits: plain.bits, block_size: plain.block, gather_axis: 0, quantize_axis: 2 },
    })
    const shape = shapeWeight([...new Array<number>(indexRank).fill(0), -1], context)
    return [gather, makeNode({ op: 'Reshape', inputs: [blocks, shape], outputs: [output] })]
  }

/**
 * Reshapes scales to the rank of the data, as the operator requires. The runtime does so once, when it loads the
 * model.
 */
function reshaped(scales: string, shape: readonly number[], context: RewriteContext): string {
  const shapeName = shapeWeight(shape, context)
  return context.node(`${scales}_apart`, (output) =>
    makeNode({ op: 'Reshape', inputs: [scales, shapeName], outputs: [output] }),
  )
}

export const shapeWeight = (shape: readonly number[], context: RewriteContext): string =>
  context.weights(`shape ${shape.join()}`, () => ({ shape: int64Weight(`shape_${shape.join('_')}`, shape) }))
    .shape

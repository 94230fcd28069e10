import { contrib, makeNode } from '../graph/node.ts'
import { int64Weight } from '../onnx/weight.ts'
import { type BlockFormat, blockCount } from '../quantize/blocks.ts'
import type { EmbeddingLayer } from './layers.ts'
import { packedMatrix } from './nbits.ts'
import type { RewriteContext, RewriteRule } from './rewrite.ts'

/**
 * `GatherBlockQuantized` over a table packed as `MatMulNBits` has its matrices, so that an output layer tied to
 * the embedding finds its weights there: they are kept once. Each row's blocks are a dimension of their own.
 * @param indexRank how many dimensions the indices have.
 */
export const toGatherBlocks =
  ({ weight }: EmbeddingLayer, format: BlockFormat, indexRank: number): RewriteRule =>
  (node, context) => {
    const [rows = 0, columns = 0] = weight.dims
    // Zero points would have to be packed one way for the one operator and another for the other.
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

/** The runtime does this once, when it loads the model: the operator wants scales with as many dimensions as data. */
function reshaped(scales: string, shape: readonly number[], context: RewriteContext): string {
  const wanted = shapeWeight(shape, context)
  return context.node(`${scales}_apart`, (output) =>
    makeNode({ op: 'Reshape', inputs: [scales, wanted], outputs: [output] }),
  )
}

export const shapeWeight = (shape: readonly number[], context: RewriteContext): string =>
  context.weights(`shape ${shape.join()}`, () => ({ shape: int64Weight(`shape_${shape.join('_')}`, shape) }))
    .shape

import { withOpset } from '../graph/metadata.ts'
import { contrib } from '../graph/node.ts'
import type { Model, Node } from '../onnx/model.ts'
import { toDynamicInt8, toGatheredColumns } from '../passes/dynamic-int8.ts'
import { toGatherBlocks } from '../passes/gather-blocks.ts'
import { toMatMulNBits } from '../passes/nbits.ts'
import { type RewriteRule, rewrite } from '../passes/rewrite.ts'
import { toStoredInt8 } from '../passes/store-int8.ts'
import { toUnpacked, toUnpackedRows, withUnpack } from '../passes/unpack.ts'
import type { LayerStep, Step } from './plan.ts'

/** Quantizes the weights of layers as planned, except for static int8, which needs ranges. */
export function quantizeWeights(model: Model, steps: readonly Step[]): Model {
  const rules = new Map<Node, RewriteRule>()
  for (const step of steps) {
    if (step.how !== 'kept' && step.how !== 'static') rules.set(step.layer.node, ruleOf(step, steps))
  }
  const uses = (name: LayerStep['how']) => steps.some(({ how }) => how === name)
  const own = uses('nbits') || uses('gather') ? withOpset(model, contrib, 1) : model
  const [unpacked] = steps.flatMap((step) =>
    step.how === 'unpack' || step.how === 'unpackRows' ? [step.format] : [],
  )
  const done = rewrite(own, rules)
  return unpacked ? withUnpack(done, unpacked.bits) : done
}

function ruleOf(step: Exclude<LayerStep, { how: 'static' }>, steps: readonly Step[]): RewriteRule {
  switch (step.how) {
    case 'nbits':
      return toMatMulNBits(step.layer, step.format)
    case 'unpack':
      return toUnpacked(step.layer, step.format)
    case 'dynamic':
      return toDynamicInt8(step.layer, step.highest)
    case 'columns':
      return toGatheredColumns(step.tied, step.highest, step.rank)
    case 'gather':
      return toGatherBlocks(step.layer, step.format, step.rank)
    case 'unpackRows':
      return toUnpackedRows(step.layer, step.format)
    case 'stored': {
      // A recurrent node has several such weights.
      const { node } = step.layer
      return toStoredInt8(
        steps.flatMap((one) => (one.how === 'stored' && one.layer.node === node ? [one.layer] : [])),
      )
    }
  }
}

import { opsetTooOld } from '../errors.ts'
import { opsetOf, withOpset } from '../graph/metadata.ts'
import { freshNames } from '../graph/names.ts'
import { isStandard } from '../graph/node.ts'
import { sweep } from '../graph/sweep.ts'
import { subgraphsOf } from '../onnx/data-flow.ts'
import type { Model, Node } from '../onnx/model.ts'
import { showNode } from '../onnx/sort-nodes.ts'
import { infer } from '../shape-inference/infer-shapes.ts'
import { openShapes } from '../shape-inference/input-shapes.ts'
import { type UpgradeContext, type UpgradeRule, upgrades } from './upgrade-rules.ts'

/** The operator set that the passes write. */
export const minOpset = 13

/**
 * The model with its operators upgraded to operator set 13, in which many attributes became inputs.
 * @throws SpillwayError `not_supported` for operators that have no equivalent there.
 */
export function upgradeOpset(model: Model): Model {
  const opset = opsetOf(model)
  if (opset >= minOpset) return model
  if (opset < 7) throw opsetTooOld(`Operator set ${opset} is too old`, 'at least 7')
  const nested = model.nodes.find((node) => subgraphsOf(node).length > 0)
  if (nested)
    throw opsetTooOld(
      `${showNode(nested)} has graphs inside in operator set ${opset}`,
      `at least ${minOpset}`,
    )
  const weights = new Map(model.weights)
  const fresh = freshNames(model)
  const values = infer(model, openShapes(model, new Map()))
  const context: UpgradeContext = {
    opset,
    known: (name) => values.get(name),
    fresh,
    weight: (weight) => {
      const name = fresh(weight.name)
      weights.set(name, { ...weight, name })
      return name
    },
  }
  const nodes = model.nodes.flatMap((node) => upgrade(node, context))
  return sweep({ ...withOpset(model, '', minOpset), nodes, weights })
}

function upgrade(node: Node, context: UpgradeContext): readonly Node[] {
  const rule: UpgradeRule | undefined = isStandard(node) ? upgrades.get(node.opType) : undefined
  return rule ? rule(node, context) : [node]
}

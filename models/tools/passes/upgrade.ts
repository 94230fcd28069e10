import { opsetOf, withOpset } from '../graph/metadata.ts'
import { freshNames } from '../graph/names.ts'
import { isStandard } from '../graph/node.ts'
import { sweep } from '../graph/sweep.ts'
import { infer } from '../infer/infer.ts'
import { openShapes } from '../inspect/open-shapes.ts'
import type { Model, Node } from '../onnx/model.ts'
import { show } from '../onnx/order.ts'
import { subgraphsOf } from '../onnx/subgraphs.ts'
import { type Context, tooOld } from './upgrade-context.ts'
import { type Upgrade, upgrades } from './upgrade-rules.ts'

/** The oldest operator set whose operators quantized models are made of. */
export const leastOpset = 13

/**
 * The model with its operators as operator set 13 has them: what were attributes became inputs since.
 * @throws SpillwayError `not_supported` for what cannot be said in the newer set.
 */
export function upgradeOpset(model: Model): Model {
  const opset = opsetOf(model)
  if (opset >= leastOpset) return model
  if (opset < 7) throw tooOld(`Operator set ${opset} is too old`, 'at least 7')
  const nested = model.nodes.find((node) => subgraphsOf(node).length > 0)
  if (nested)
    throw tooOld(`${show(nested)} has graphs inside in operator set ${opset}`, `at least ${leastOpset}`)
  const weights = new Map(model.weights)
  const fresh = freshNames(model)
  const values = infer(model, openShapes(model, new Map()))
  const context: Context = {
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
  return sweep({ ...withOpset(model, '', leastOpset), nodes, weights })
}

function upgrade(node: Node, context: Context): readonly Node[] {
  const rule: Upgrade | undefined = isStandard(node) ? upgrades.get(node.opType) : undefined
  return rule ? rule(node, context) : [node]
}

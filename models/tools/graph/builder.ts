import type { Model, Node } from '../onnx/model.ts'
import type { Weight } from '../onnx/weight.ts'
import { freshNames } from './names.ts'
import { makeNode, type NodeParts } from './node.ts'
import { sweep } from './sweep.ts'

/** A graph being written, node after node. */
export interface Builder {
  fresh(wanted: string): string
  /** Adds a weight, under a name that nothing else has, and tells it. */
  weight(weight: Weight): string
  node(parts: NodeParts): void
  /** Adds a node as it is. */
  keep(node: Node): void
  /** The model with the nodes written so far in place of its own, and without what nothing reads. */
  finish(): Model
}

export function createBuilder(model: Model): Builder {
  const fresh = freshNames(model)
  const weights = new Map(model.weights)
  const nodes: Node[] = []
  return {
    fresh,
    weight: (weight) => {
      const name = fresh(weight.name)
      weights.set(name, { ...weight, name })
      return name
    },
    node: (parts) => {
      nodes.push(makeNode(parts))
    },
    keep: (node) => {
      nodes.push(node)
    },
    finish: () => sweep({ ...model, nodes, weights }),
  }
}

import type { Model, Node } from '../onnx/model.ts'
import type { Weight } from '../onnx/weight.ts'
import { freshNames } from './names.ts'
import { makeNode, type NodeParts } from './node.ts'
import { sweep } from './sweep.ts'

/** Writes a graph node by node. */
export interface Builder {
  fresh(base: string): string
  /** Adds a weight under an unused name, which it returns. */
  weight(weight: Weight): string
  node(parts: NodeParts): void
  /** Adds an existing node unchanged. */
  keep(node: Node): void
  /** The model with the written nodes in place of its own, without unused nodes and weights. */
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

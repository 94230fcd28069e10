import { freshNames } from '../graph/names.ts'
import { sweep } from '../graph/sweep.ts'
import type { Model, Node } from '../onnx/model.ts'
import type { Weight } from '../onnx/weight.ts'

/** Names, weights and shared nodes for the rules of a rewrite. */
export interface RewriteContext {
  /** A name that is not taken, close to the given one. */
  fresh(base: string): string
  /** Adds weights once per key, so that layers with a common weight share the result. */
  weights<Name extends string>(
    key: string,
    make: () => Readonly<Record<Name, Weight>>,
  ): Readonly<Record<Name, string>>
  /** Adds a node once per key, before its first reader, and returns its first output. */
  node(key: string, make: (output: string) => Node): string
}

/** Returns the replacement of a node. */
export type RewriteRule = (node: Node, context: RewriteContext) => readonly Node[]

/** The model with some nodes rewritten, without unused nodes and weights. */
export function rewrite(model: Model, rules: ReadonlyMap<Node, RewriteRule>): Model {
  if (rules.size === 0) return model
  const fresh = freshNames(model)
  const weights = new Map(model.weights)
  const madeWeights = new Map<string, Readonly<Record<string, string>>>()
  const madeNodes = new Map<string, string>()
  const nodes: Node[] = []
  const context: RewriteContext = {
    fresh,
    weights: (key, make) => {
      const known = madeWeights.get(key)
      if (known) return known as ReturnType<typeof context.weights>
      const made: [string, string][] = Object.entries<Weight>(make()).map(([role, weight]) => {
        const name = fresh(weight.name)
        weights.set(name, { ...weight, name })
        return [role, name]
      })
      const names = Object.fromEntries(made)
      madeWeights.set(key, names)
      return names as ReturnType<typeof context.weights>
    },
    node: (key, make) => {
      const known = madeNodes.get(key)
      if (known !== undefined) return known
      const output = fresh(key)
      madeNodes.set(key, output)
      nodes.push(make(output))
      return output
    },
  }
  for (const node of model.nodes) {
    const rule = rules.get(node)
    if (rule === undefined) nodes.push(node)
    else nodes.push(...rule(node, context))
  }
  return sweep({ ...model, nodes, weights })
}

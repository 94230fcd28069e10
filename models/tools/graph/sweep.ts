import { readsOf } from '../onnx/data-flow.ts'
import type { Model, Node } from '../onnx/model.ts'
import { withGraphMetadata } from './metadata.ts'
import { changeNode } from './node.ts'

/**
 * The model without nodes and weights that no output depends on. Nodes get distinct names, which runtimes require.
 */
export function sweep(model: Model): Model {
  const needed = new Set(model.outputs.map(({ name }) => name))
  const kept: Node[] = []
  for (const node of model.nodes.toReversed()) {
    if (!node.output.some((name) => needed.has(name))) continue
    kept.push(node)
    for (const name of readsOf(node)) needed.add(name)
  }
  const weights = new Map([...model.weights].filter(([name]) => needed.has(name)))
  const valueInfo = model.graphMetadata.valueInfo.filter(({ name }) => needed.has(name))
  const sparse = model.graphMetadata.sparseInitializer.filter(({ values }) => needed.has(values?.name ?? ''))
  return {
    ...model,
    nodes: distinct(kept.toReversed()),
    weights,
    graphMetadata: withGraphMetadata(model, { valueInfo, sparseInitializer: sparse }),
  }
}

function distinct(nodes: readonly Node[]): readonly Node[] {
  const taken = new Set<string>()
  return nodes.map((node) => {
    let name = node.name
    for (let count = 2; name !== '' && taken.has(name); count++) name = `${node.name}_${count}`
    taken.add(name)
    return name === node.name ? node : changeNode(node, { name })
  })
}

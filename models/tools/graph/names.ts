import { ownNames, subgraphsOf } from '../onnx/data-flow.ts'
import type { GraphProto } from '../onnx/generated/onnx_pb.ts'
import type { Model } from '../onnx/model.ts'

/** Returns a function that makes names which no value of the model has, subgraphs included. */
export function freshNames(model: Model): (base: string) => string {
  const taken = new Set([
    ...model.inputs.map(({ name }) => name),
    ...model.weights.keys(),
    ...ownNames(model.graphMetadata),
  ])
  for (const node of model.nodes) {
    for (const name of node.output) taken.add(name)
    for (const graph of subgraphsOf(node)) addNames(graph, taken)
  }
  return (base) => {
    let name = base
    for (let count = 2; taken.has(name); count++) name = `${base}_${count}`
    taken.add(name)
    return name
  }
}

function addNames(graph: GraphProto, taken: Set<string>): void {
  for (const name of ownNames(graph)) taken.add(name)
  for (const node of graph.node) {
    for (const name of node.output) taken.add(name)
    for (const inner of subgraphsOf(node)) addNames(inner, taken)
  }
}

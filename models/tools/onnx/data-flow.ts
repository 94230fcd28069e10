import type { GraphProto } from './generated/onnx_pb.ts'
import type { Model, Node } from './model.ts'

/** The subgraphs of a node: branches of an If, the body of a Loop. */
export const subgraphsOf = ({ attribute }: Node): readonly GraphProto[] =>
  attribute.flatMap(({ g, graphs }) => (g === undefined ? graphs : [g, ...graphs]))

/** The nodes of a model, with those of its functions and of subgraphs. */
export const allNodes = ({ nodes, header }: Model): readonly Node[] =>
  [...nodes, ...header.functions.flatMap(({ node }) => node)].flatMap(withInner)

const withInner = (node: Node): readonly Node[] => [
  node,
  ...subgraphsOf(node).flatMap(({ node: inner }) => inner.flatMap(withInner)),
]

/** All values that a node reads, including those that its subgraphs capture. */
export function readsOf(node: Node): readonly string[] {
  const graphs = subgraphsOf(node)
  const own = node.input.filter((name) => name !== '')
  return graphs.length === 0 ? own : [...own, ...graphs.flatMap(capturesOf)]
}

/** The values that a subgraph captures from the graph around it. */
export function capturesOf(graph: GraphProto): readonly string[] {
  const defined = new Set(ownNames(graph))
  for (const { output } of graph.node) for (const name of output) defined.add(name)
  const read = [...graph.node.flatMap(readsOf), ...graph.output.map(({ name }) => name)]
  return [...new Set(read)].filter((name) => !defined.has(name))
}

/** The values that a subgraph has before its first node runs. */
export const ownNames = ({ input, initializer, sparseInitializer }: GraphProto): readonly string[] => [
  ...input.map(({ name }) => name),
  ...initializer.map(({ name }) => name),
  ...sparseInitializer.map(({ values }) => values?.name ?? ''),
]

/** The node that writes each value. */
export function writersOf({ nodes }: Model): ReadonlyMap<string, Node> {
  const writers = new Map<string, Node>()
  for (const node of nodes) for (const name of node.output) if (name !== '') writers.set(name, node)
  return writers
}

/** The nodes that read each value, also in subgraphs. The graph's outputs have no reader here. */
export function readersOf({ nodes }: Model): ReadonlyMap<string, readonly Node[]> {
  const readers = new Map<string, Node[]>()
  for (const node of nodes) {
    for (const name of new Set(readsOf(node))) {
      const known = readers.get(name)
      if (known) known.push(node)
      else readers.set(name, [node])
    }
  }
  return readers
}

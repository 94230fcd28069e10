import type { Model, Node } from '../onnx/model.ts'
import { readsOf } from '../onnx/subgraphs.ts'

/** Who writes each value. */
export function writersOf({ nodes }: Model): ReadonlyMap<string, Node> {
  const writers = new Map<string, Node>()
  for (const node of nodes) for (const name of node.output) if (name !== '') writers.set(name, node)
  return writers
}

/** Who reads each value, subgraphs included; the graph's outputs are read by its caller and not here. */
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

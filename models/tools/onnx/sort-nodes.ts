import { malformed } from '../errors.ts'
import { readsOf } from './data-flow.ts'
import type { Node } from './model.ts'

/**
 * Sorts nodes so that each follows those whose outputs it reads. The format requires this, but not all files comply.
 * @throws SpillwayError `model_invalid` where a value is written twice or never, or depends on itself.
 */
export function sortNodes(nodes: readonly Node[], given: Iterable<string>): readonly Node[] {
  const ready = new Set(given)
  const writer = writers(nodes, ready)
  const blocked = nodes.map((node) => new Set(readsOf(node).filter((name) => !ready.has(name))))
  const readers = new Map<string, number[]>()
  for (const [index, missing] of blocked.entries()) {
    for (const name of missing) {
      if (!writer.has(name))
        throw malformed(`${showNode(nodes[index])} reads "${name}", which no node writes`)
      const known = readers.get(name)
      if (known) known.push(index)
      else readers.set(name, [index])
    }
  }
  const sorted = sortBlocked(nodes, blocked, readers)
  if (sorted.length === nodes.length) return sorted
  const stuck = nodes.find((_node, index) => (blocked[index]?.size ?? 0) > 0)
  throw malformed(`The graph has a cycle through ${showNode(stuck)}`)
}

function writers(nodes: readonly Node[], given: ReadonlySet<string>): Map<string, Node> {
  const writer = new Map<string, Node>()
  for (const node of nodes) {
    if (node.opType === '') throw malformed('A node has no operator')
    for (const name of node.output) {
      if (name === '') continue
      if (given.has(name) || writer.has(name)) throw malformed(`The value "${name}" is written twice`)
      writer.set(name, node)
    }
  }
  return writer
}

function sortBlocked(nodes: readonly Node[], blocked: Set<string>[], readers: Map<string, number[]>): Node[] {
  const sorted: Node[] = []
  const queue: number[] = []
  const release = (from: number): void => {
    queue.push(from)
    while (queue.length > 0) {
      const index = queue.pop() ?? 0
      const node = nodes[index]
      if (node === undefined) continue
      sorted.push(node)
      const freed = node.output.flatMap((name) =>
        (readers.get(name) ?? []).filter((reader) => free(reader, name)),
      )
      // Pushed in reverse, so that the first in the file is taken next.
      for (const reader of freed.sort((a, b) => b - a)) queue.push(reader)
    }
  }
  const free = (index: number, name: string): boolean => {
    const missing = blocked[index]
    return missing?.delete(name) === true && missing.size === 0 && index < passed
  }
  let passed = 0
  for (const [index, missing] of blocked.entries()) {
    passed = index
    if (missing.size === 0) release(index)
  }
  return sorted
}

export const showNode = (node: Node | undefined): string =>
  node === undefined ? 'a node' : `${node.opType} "${node.name || node.output[0] || ''}"`.slice(0, 200)

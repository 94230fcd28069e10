import { isStandard, operatorOf } from '../graph/node.ts'
import { capturesOf, readersOf, subgraphsOf } from '../onnx/data-flow.ts'
import type { Model, Node } from '../onnx/model.ts'
import { infer } from '../shape-inference/infer-shapes.ts'
import { sampleShapes } from '../shape-inference/input-shapes.ts'
import { type ChannelGroups, createChannelGroups } from './channel-groups.ts'
import type { Change, Channels, Cut, PassContext } from './channel-rule.ts'
import { rules } from './rules.ts'

export interface Trace {
  readonly groups: ChannelGroups
  readonly cuts: readonly Cut[]
  /** Nodes with a number of channels in an attribute, and the groups that it counts. */
  readonly changes: ReadonlyMap<Node, { readonly groups: readonly number[]; readonly change: Change }>
}

export function traceChannels(model: Model): Trace {
  const groups = createChannelGroups()
  const channels = new Map<string, Channels>()
  const cuts: Cut[] = []
  const changes: Map<Node, { groups: readonly number[]; change: Change }> = new Map()
  const values = infer(model, sampleShapes(model, new Map()))
  const readers = readersOf(model)
  for (const node of model.nodes) {
    const context: PassContext = {
      node,
      groups,
      channels: (name) => channels.get(name ?? ''),
      known: (name) => values.get(name ?? ''),
      weight: (name) => {
        const weight = model.weights.get(name ?? '')
        return readers.get(name ?? '')?.length === 1 ? weight : undefined
      },
      cut: (cut) => cuts.push(cut),
      change: (counted, change) => changes.set(node, { groups: counted, change }),
    }
    const found = isStandard(node) ? rules.get(node.opType)?.(context) : undefined
    if (found) channels.set(node.output[0] ?? '', found)
    else {
      const read = [...node.input, ...subgraphsOf(node).flatMap(capturesOf)]
      for (const name of read) groups.pin(channels.get(name)?.groups ?? [], `${operatorOf(node)} reads it`)
    }
  }
  for (const { name } of model.outputs) groups.pin(channels.get(name)?.groups ?? [], 'it is an output')
  return { groups, cuts, changes }
}

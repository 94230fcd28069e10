import { readersOf } from '../graph/links.ts'
import { isStandard, operatorOf } from '../graph/node.ts'
import { infer } from '../infer/infer.ts'
import type { Known } from '../infer/known.ts'
import type { Model, Node } from '../onnx/model.ts'
import { capturesOf, subgraphsOf } from '../onnx/subgraphs.ts'
import type { Weight } from '../onnx/weight.ts'
import { sampleShapes } from '../run/sample-shapes.ts'
import { type ChannelGroups, createChannelGroups } from './channel-groups.ts'
import { rules } from './rules.ts'

/** Where the channels of a value lie, and what they are if the layers that make them have nothing but zeros. */
export interface Channels {
  readonly axis: number
  readonly groups: readonly number[]
  /** NaN where that is not known. */
  readonly rest: readonly number[]
}

/** An axis of a weight whose positions are channels. */
export interface Cut {
  readonly weight: Weight
  readonly axis: number
  readonly groups: readonly number[]
  /** Whether the layer makes the channels, reads them, or has something for each of them. */
  readonly role: 'makes' | 'reads' | 'follows'
  /** Of `reads`: the value that is read, along which axis, and what its channels are without their layers. */
  readonly value?: string
  readonly valueAxis?: number
  readonly rest?: readonly number[]
}

/** What a node becomes when channels go. */
export type Change = (node: Node, kept: number) => Node

export interface Trace {
  readonly groups: ChannelGroups
  readonly cuts: readonly Cut[]
  /** Nodes with a number of channels in them, and the atoms that it counts. */
  readonly changes: ReadonlyMap<Node, { readonly groups: readonly number[]; readonly change: Change }>
}

/** What a rule has of a node. */
export interface PassContext {
  readonly node: Node
  readonly groups: ChannelGroups
  channels(name: string | undefined): Channels | undefined
  known(name: string | undefined): Known | undefined
  /** A stored weight of floats that nothing else reads. */
  weight(name: string | undefined): Weight | undefined
  cut(cut: Cut): void
  change(groups: readonly number[], change: Change): void
}

/**
 * The channels of the node's first output, where the rule knows them. What it does not know is pinned:
 * a rule that gives nothing leaves the node's inputs as they are.
 */
export type Rule = (context: PassContext) => Channels | undefined

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

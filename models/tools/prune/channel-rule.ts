import type { KnownValue } from '../infer/known.ts'
import type { Node } from '../onnx/model.ts'
import type { Weight } from '../onnx/weight.ts'
import type { ChannelGroups } from './channel-groups.ts'

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

/** What a rule has of a node. */
export interface PassContext {
  readonly node: Node
  readonly groups: ChannelGroups
  channels(name: string | undefined): Channels | undefined
  known(name: string | undefined): KnownValue | undefined
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

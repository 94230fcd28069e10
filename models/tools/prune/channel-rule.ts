import type { Node } from '../onnx/model.ts'
import type { Weight } from '../onnx/weight.ts'
import type { KnownValue } from '../shape-inference/known.ts'
import type { ChannelGroups } from './channel-groups.ts'

/** The channels of a value: their axis, their groups, and their values when all their layers' weights are zero. */
export interface Channels {
  readonly axis: number
  readonly groups: readonly number[]
  /** NaN where a channel's value is not constant or not known. */
  readonly rest: readonly number[]
}

/** An axis of a weight along which positions are channels. */
export interface Cut {
  readonly weight: Weight
  readonly axis: number
  readonly groups: readonly number[]
  /** Whether the layer makes the channels, reads them, or has a parameter per channel. */
  readonly role: 'makes' | 'reads' | 'follows'
  /** For `reads`: the value that is read, its channel axis, and its `rest`. */
  readonly value?: string
  readonly valueAxis?: number
  readonly rest?: readonly number[]
}

/** Returns a node for a smaller number of channels. */
export type Change = (node: Node, kept: number) => Node

/** What a rule may read and record for a node. */
export interface PassContext {
  readonly node: Node
  readonly groups: ChannelGroups
  channels(name: string | undefined): Channels | undefined
  known(name: string | undefined): KnownValue | undefined
  /** A stored weight that no other node reads. */
  weight(name: string | undefined): Weight | undefined
  cut(cut: Cut): void
  change(groups: readonly number[], change: Change): void
}

/**
 * Returns the channels of the node's first output. Where a rule returns undefined, the channels of the node's inputs
 * are pinned.
 */
export type ChannelRule = (context: PassContext) => Channels | undefined

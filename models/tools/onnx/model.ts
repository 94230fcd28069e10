import type { GraphProto, ModelProto, NodeProto, ValueInfoProto } from './generated/onnx_pb.ts'
import type { Weight } from './weight.ts'

export type Node = NodeProto
export type Value = ValueInfoProto

/**
 * A model as every pass takes and gives it. Nothing in it is ever changed in place: a pass makes new lists
 * and shares what it leaves alone.
 */
export interface Model {
  /** In the order of their data: a node stands after all that it reads. */
  readonly nodes: readonly Node[]
  readonly weights: ReadonlyMap<string, Weight>
  /** What a caller gives: weights that old files list among their inputs are not here. */
  readonly inputs: readonly Value[]
  readonly outputs: readonly Value[]
  /** Versions, operator sets, metadata and functions; its graph is empty. */
  readonly header: ModelProto
  /** The graph's name, notes and value types; what has a field above is empty here. */
  readonly graphMetadata: GraphProto
}

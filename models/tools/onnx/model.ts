import type { GraphProto, ModelProto, NodeProto, ValueInfoProto } from './generated/onnx_pb.ts'
import type { Weight } from './weight.ts'

export type Node = NodeProto
export type Value = ValueInfoProto

/**
 * A model, as passes take and return it. It is immutable: a pass makes new lists and shares what it does not change.
 */
export interface Model {
  /** Sorted: a node follows the nodes whose outputs it reads. */
  readonly nodes: readonly Node[]
  readonly weights: ReadonlyMap<string, Weight>
  /** The inputs of a caller, without the weights that old files list among the inputs. */
  readonly inputs: readonly Value[]
  readonly outputs: readonly Value[]
  /** Versions, operator sets, metadata and functions. Its graph is empty. */
  readonly header: ModelProto
  /** The graph's name, documentation and value types. Fields that a Model holds itself are empty. */
  readonly graphMetadata: GraphProto
}

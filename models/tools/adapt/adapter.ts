import type { Weight } from '../onnx/weight.ts'
import type { ProjectionPlace } from './projection.ts'

/** What an adapter adds to a projection's output: `scale · (x Aᵀ) Bᵀ`. */
export interface LowRank {
  readonly place: ProjectionPlace
  /** `[rank, inputs]` */
  readonly a: Weight
  /** `[outputs, rank]` */
  readonly b: Weight
  readonly rank: number
  readonly scale: number
}

/** A LoRA adapter. Its weights are read from its file when they are asked for. */
export interface Adapter {
  readonly name: string
  /** The model that it says it was trained on. */
  readonly base: string | undefined
  /** By `keyOf` of their places. */
  readonly parts: ReadonlyMap<string, LowRank>
  /** Whether it leaves layers out on purpose. */
  readonly skipsLayers: boolean
}

import type { Manifest } from '../../core/manifest.ts'
import type { Weight } from '../onnx/weight.ts'
import type { Rope } from './rope.ts'

/** What a Llama-family model is made of, whatever file it comes from. */
export interface Shape {
  readonly layers: number
  /** Numbers a token is between layers. */
  readonly width: number
  readonly heads: number
  readonly kvHeads: number
  readonly headSize: number
  readonly vocabulary: number
  /** Tokens that it was trained to read at once. */
  readonly context: number
  readonly epsilon: number
  readonly rope: Rope
}

/** A matrix with a row an output, and what is added to the product. */
export interface Projection {
  readonly weight: Weight
  readonly bias?: Weight | undefined
}

export interface Layer {
  readonly attentionNorm: Weight
  readonly query: Projection
  readonly key: Projection
  readonly value: Projection
  readonly output: Projection
  /** Normalisations of each head's queries and keys, where the family has them. */
  readonly queryNorm?: Weight | undefined
  readonly keyNorm?: Weight | undefined
  /** A token sees only so many before it; absent: all. */
  readonly window?: number | undefined
  readonly mlpNorm: Weight
  readonly gate: Projection
  readonly up: Projection
  readonly down: Projection
}

/** Its weights come into memory one at a time, when they are asked for. */
export interface Checkpoint {
  readonly shape: Shape
  readonly embedding: Weight
  readonly layers: readonly Layer[]
  readonly norm: Weight
  /** Absent where the output layer is tied to the embedding. */
  readonly head?: Weight | undefined
}

/** A checkpoint with what belongs to it: all that a model's folder is made of. */
export interface ImportSource {
  /** What the files call it. */
  readonly name: string
  readonly family: string
  readonly license: string
  readonly checkpoint: Checkpoint
  readonly stopTokens: readonly number[]
  readonly sampling: NonNullable<Manifest['generation']>['sampling']
  /** The tokenizer's files, by the names that the hub has for them. */
  readonly tokenizer: readonly { readonly path: string; readonly text: string }[]
}

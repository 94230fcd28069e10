import type { Manifest } from '../../core/manifest.ts'
import type { Weight } from '../onnx/weight.ts'
import type { Rope } from './rope.ts'

/** The dimensions of a Llama-family model. */
export interface ModelShape {
  readonly layers: number
  /** Size of a token's hidden state. */
  readonly width: number
  readonly heads: number
  readonly kvHeads: number
  readonly headSize: number
  readonly vocabulary: number
  /** Longest sequence in training, in tokens. */
  readonly context: number
  readonly epsilon: number
  readonly rope: Rope
}

/** A linear projection: a matrix with one row per output, and a bias. */
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
  /** Per-head normalisations of queries and keys, in families that have them. */
  readonly queryNorm?: Weight | undefined
  readonly keyNorm?: Weight | undefined
  /** Sliding window: the number of tokens that a token attends to. Undefined: all. */
  readonly window?: number | undefined
  readonly mlpNorm: Weight
  readonly gate: Projection
  readonly up: Projection
  readonly down: Projection
}

/** The weights of a model. Each is read from its file when it is asked for. */
export interface Checkpoint {
  readonly shape: ModelShape
  readonly embedding: Weight
  readonly layers: readonly Layer[]
  readonly norm: Weight
  /** Undefined where the output layer shares the embedding's weights. */
  readonly head?: Weight | undefined
}

/** A checkpoint with everything else that a model's folder needs. */
export interface ImportSource {
  /** The name that follows from the files. */
  readonly name: string
  readonly family: string
  readonly license: string
  readonly checkpoint: Checkpoint
  readonly stopTokens: readonly number[]
  readonly sampling: NonNullable<Manifest['generation']>['sampling']
  /** The tokenizer's files, under their names on the hub. */
  readonly tokenizer: readonly { readonly path: string; readonly text: string }[]
}

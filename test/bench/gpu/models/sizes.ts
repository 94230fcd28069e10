import type { ModelShape } from '../../../../models/tools/import/checkpoint.ts'

/** The sizes of a model of the Qwen2 family. */
export interface Sizes extends Omit<ModelShape, 'epsilon' | 'rope'> {
  /** The model's id with random weights of these sizes. */
  readonly id: string
  /** Size of the hidden layer of each MLP. */
  readonly hidden: number
}

/** Those of Qwen2.5-0.5B, which Qwen2-0.5B has as well: WebLLM's library is compiled for them. */
export const qwen: Sizes = {
  id: 'random-qwen',
  layers: 24,
  width: 896,
  heads: 14,
  kvHeads: 2,
  headSize: 64,
  hidden: 4_864,
  vocabulary: 151_936,
  context: 4_096,
}

/** The same family, small enough for a software adapter. */
export const tiny: Sizes = {
  id: 'random-tiny',
  layers: 2,
  width: 64,
  heads: 2,
  kvHeads: 1,
  headSize: 32,
  hidden: 128,
  vocabulary: 512,
  context: 2_048,
}

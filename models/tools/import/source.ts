import type { Manifest } from '../../core/manifest.ts'
import type { Checkpoint } from './checkpoint.ts'

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

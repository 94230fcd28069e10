import type { Manifest } from '../../core/manifest.ts'
import type { PullFile } from './download.ts'

/** What a pull fetches, and what becomes of it. */
export interface PullPlan {
  /** The source, pinned, for people. */
  readonly from: string
  readonly id: string
  readonly version: string
  readonly files: readonly PullFile[]
  /** Small files that had to be read to know that. */
  readonly read: readonly { readonly path: string; readonly bytes: Uint8Array }[]
  /** The manifest, with all files in their places. */
  manifest(root: string): Promise<Manifest>
}

/** Which of a model's variants are wanted. */
export interface VariantChoice {
  readonly variant?: readonly string[] | undefined
  readonly to?: readonly string[] | undefined
}

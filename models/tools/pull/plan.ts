import type { Manifest } from '../../core/manifest.ts'
import type { PullFile } from './download.ts'

/** What a pull downloads, and the manifest that follows. */
export interface PullPlan {
  /** The source with its exact revision, for messages. */
  readonly from: string
  readonly id: string
  readonly version: string
  readonly files: readonly PullFile[]
  /** Small files that were read while planning. */
  readonly read: readonly { readonly path: string; readonly bytes: Uint8Array }[]
  /** Makes the manifest once all files are in place. */
  manifest(root: string): Promise<Manifest>
}

/** Variants to fetch: ids, or precisions (`to`). Default: the best for each backend. */
export interface VariantChoice {
  readonly variant?: readonly string[] | undefined
  readonly to?: readonly string[] | undefined
}

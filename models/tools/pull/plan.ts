import type { Manifest } from '../../core/manifest.ts'
import type { MakeOptions } from '../manifest/write.ts'
import type { PullFile } from './download.ts'

/** The files that a pull fetches, and how it makes the manifest from them. */
export interface PullPlan {
  /** The source, pinned to its commit, for messages. */
  readonly from: string
  readonly id: string
  readonly version: string
  readonly files: readonly PullFile[]
  /** Small files that were read for the plan. */
  readonly read: readonly { readonly path: string; readonly bytes: Uint8Array }[]
  /** Makes the manifest once all files are in `root`. */
  manifest(root: string, options: DescribeOptions): Promise<Manifest>
}

/** How the fetched graphs are described. */
export type DescribeOptions = Pick<MakeOptions, 'onNote' | 'runLimitMs'>

/** The variants to fetch. */
export interface VariantChoice {
  /** By name; `all` for all of them. */
  readonly variant?: readonly string[] | undefined
  /** By precision. */
  readonly to?: readonly string[] | undefined
}

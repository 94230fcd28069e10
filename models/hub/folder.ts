import type { FileSpec } from '../core/manifest.ts'

/** The files that a model is described from: a repository on the hub, or a folder here. */
export interface Folder {
  /** Sizes in bytes by path, with `/` between its parts. */
  readonly sizes: ReadonlyMap<string, number>
  /**
   * A small file, such as a configuration.
   * @throws SpillwayError `file_missing` or what kept it from being read.
   */
  read(path: string): Promise<Uint8Array<ArrayBuffer>>
  /** The file with its SHA-256. */
  spec(path: string): Promise<FileSpec>
}

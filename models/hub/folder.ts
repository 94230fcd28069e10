import type { FileSpec } from '../core/manifest.ts'

/** The files from which a model is described: a repository on the hub, or a local folder. */
export interface Folder {
  /** Sizes in bytes by path, with `/` between its parts. */
  readonly sizes: ReadonlyMap<string, number>
  /**
   * A small file, such as a configuration.
   * @throws SpillwayError `file_missing`, or the error of reading it.
   */
  read(path: string): Promise<Uint8Array<ArrayBuffer>>
  /** The file with its SHA-256. */
  spec(path: string): Promise<FileSpec>
}

import type { FileSpec } from '../../models/index.ts'

/** Verified model files, kept between visits. A store that cannot keep anything answers every read with nothing. */
export interface ModelStore {
  /** The file's bytes, checked against its SHA-256; nothing where it is absent. Bytes that fail the check are removed. */
  readFile(file: FileSpec): Promise<ArrayBuffer | undefined>
  /**
   * Checks the bytes and keeps them; false where the browser would not keep them.
   *
   * @throws SpillwayError `file_truncated` or `file_altered`: such bytes must not be used either.
   */
  writeFile(file: FileSpec, bytes: ArrayBuffer): Promise<boolean>
  /** The last manifest seen at `url`, so that a cached model is known with its server gone. It is not validated. */
  readManifest(url: string): Promise<unknown>
  writeManifest(url: string, manifest: unknown): Promise<void>
}

/** What a source of model files tells the store of each: the seam between where files come from and where they are kept. */

/** One file of a model. A site, a static host and a hub make these; the store fetches, verifies and keeps them. */
export interface FileSource {
  /** Its path in the model's folder, for messages and for the graph's external data. */
  readonly path: string
  readonly key: FileKey
  /** Bytes, where they are known before the first answer. */
  readonly size?: number | undefined
  /**
   * The request that fetches it. It is asked for before each attempt, since tokens and signed addresses expire.
   * What it throws ends the download.
   */
  request(): FileRequest | Promise<FileRequest>
}

/**
 * What a file is known by before it is here. Where the SHA-256 is known, bytes that fail it are never used.
 * Where it is not, the address and its ETag stand for the content, and the SHA-256 that the first download has
 * is recorded and holds from then on.
 */
export type FileKey =
  /** Lower-case hexadecimal. */
  { readonly sha256: string } | { readonly url: string; readonly etag: string }

export interface FileRequest {
  readonly url: URL
  /** Beside those of the store (`range`, `if-range`): a token, for example. */
  readonly headers?: Readonly<Record<string, string>>
}

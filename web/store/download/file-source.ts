/**
 * One file of a model, as its source describes it. Sites, static hosts and the hub make these; the store fetches,
 * verifies and keeps the files.
 */
export interface FileSource {
  /** Its path in the model's folder, for messages and for the graph's external data. */
  readonly path: string
  readonly key: FileKey
  /** Bytes, where they are known before the download. */
  readonly size?: number | undefined
  /** Whether servers send it compressed, which they do not with ranges: then it is fetched by one request. */
  readonly isSentCompressed?: boolean
  /**
   * The request that fetches it. It is made anew for each attempt, since tokens and signed addresses expire.
   * An error that it throws ends the download.
   */
  request(): FileRequest | Promise<FileRequest>
}

/**
 * Identifies a file before its download. If the SHA-256 is known, bytes that fail it are never used. If not, the
 * address and its ETag identify the content; the SHA-256 of the first download is recorded and holds from then on.
 */
export type FileKey =
  /** Lower-case hexadecimal. */
  { readonly sha256: string } | { readonly url: string; readonly etag: string }

export interface FileRequest {
  readonly url: URL
  /** Besides the store's own (`range`, `if-range`): a token, for example. */
  readonly headers?: Readonly<Record<string, string>>
}

/** A key as one short text that is fit for a file's name. */
export async function keyText(key: FileKey): Promise<string> {
  if ('sha256' in key) return `sha256-${key.sha256}`
  const { sha256 } = await import('../hashes.ts')
  return `etag-${await sha256(`${key.etag} ${key.url}`)}`
}

/** Size of a KV cache: per token and layer a key and a value of `heads` × `headDim` numbers each. */
export interface KvSpec {
  readonly layers: number
  readonly heads: number
  readonly headDim: number
  readonly type: 'float32' | 'float16'
}

/** Bytes of the KV cache for one token. */
export const bytesPerToken = ({ layers, heads, headDim, type }: KvSpec): number =>
  2 * layers * heads * headDim * (type === 'float16' ? 2 : 4)

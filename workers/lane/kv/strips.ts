import type { Block, Move } from '../runtime/ort.ts'

/** A slot's part of one block of keys or values, `[places, heads, capacity, headDim]`. */
export interface Strip {
  readonly block: Block
  readonly place: number
  readonly capacity: number
}

export interface MovedTokens {
  readonly tokens: number
  readonly heads: number
  /** Bytes of one token of one head. */
  readonly rowBytes: number
}

/** Moves the first tokens of a strip to another, whose capacity may differ, head by head. */
export function movesBetween(from: Strip, to: Strip, { tokens, heads, rowBytes }: MovedTokens): Move[] {
  if (tokens === 0) return []
  return Array.from({ length: heads }, (_, head) => ({
    from: from.block,
    fromByte: (from.place * heads + head) * from.capacity * rowBytes,
    to: to.block,
    toByte: (to.place * heads + head) * to.capacity * rowBytes,
    bytes: tokens * rowBytes,
  }))
}

import type { Logits } from '../sampling/types.ts'

/** Sequences that it has places for, and tokens that fit each. */
export interface KvShape {
  readonly slots: number
  readonly capacity: number
}

/** A slot and the token that it is given next. */
export interface KvRow {
  readonly slot: number
  readonly token: number
}

/** Which of a step's logits are wanted: the likeliest alone, where the graph selects them, or all. */
export type LogitsMode = 'top' | 'all'

/**
 * Keys and values of a model's slots, kept where the model runs. It runs the model, too, as how the two are brought
 * together is what its kinds differ in. One call at a time.
 */
export interface Kv {
  readonly shape: KvShape
  /** Tokens that a slot holds. */
  length(slot: number): number
  /** Bytes that a shape takes when all is used. */
  bytes(shape: KvShape): number
  /** Takes another shape. What slot `from[i]` held is in slot `i` after it; where that is not given, nothing. */
  resize(shape: KvShape, from: readonly (number | undefined)[]): void
  /** Forgets all but the first tokens of a slot. @returns how many are left: fewer where it cannot cut. */
  truncate(slot: number, length: number): number
  /** Reads tokens into a slot, after those that it holds. @returns logits for the token after them, where they are wanted. */
  prefill(slot: number, tokens: readonly number[], logitsMode?: LogitsMode): Promise<Logits | undefined>
  /** Gives each row its token, all at once. @returns logits for the token after it, by row. */
  decode(rows: readonly KvRow[], logitsMode: LogitsMode): Promise<readonly Logits[]>
  dispose(): void
}

/** A sequence as slots see it. */
export interface SlotOwner {
  /** Prompt and generated tokens. */
  readonly tokens: readonly number[]
  /** The adapter that its keys and values are of. Only sequences of one adapter share them. */
  readonly adapter?: number | undefined
  /** Set by the slots: some move when memory is given up. */
  slot: number | undefined
}

/**
 * Which sequence has which slot of the keys and values, and how much memory these take. The tokens of a finished sequence
 * stay for the next prompt that begins with them.
 */
export interface Slots<Owner extends SlotOwner> {
  /** The most tokens of one sequence: those that the model can attend to, or fewer where memory ends before. */
  readonly context: number
  /** Tokens held over those that fit, 0 to 1. */
  readonly usage: number
  /**
   * Gives the sequence a slot, where there is memory for its tokens and the first of `newTokens` more.
   * @returns how many of its tokens the slot holds already; undefined where memory does not suffice.
   */
  assign(owner: Owner, newTokens: number): number | undefined
  /**
   * Gives the sequence the beginning that another holds, where that is more of it than its own slot holds.
   * @returns how many of its tokens its slot holds then; undefined where it is no more than before.
   */
  share(owner: Owner): number | undefined
  /** Makes room for the tokens of these sequences. @returns false where memory does not suffice. */
  reserve(owners: readonly Owner[]): boolean
  /** How many tokens the sequence may have before more room is reserved. */
  room(owner: Owner): number
  /** Frees the sequence's slot. Its tokens stay for reuse. */
  release(owner: Owner): void
  /** Takes the slot from a sequence, which has to read its tokens again. */
  preempt(owner: Owner): void
  /** Forgets all tokens, as after a run that failed: what it has written is unknown. Owners keep their slots. */
  clear(): void
  /** Gives memory back, and with it all kept tokens. Call it while no slot has an owner. */
  shrink(): void
}

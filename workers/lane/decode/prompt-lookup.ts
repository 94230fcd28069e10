/** Tokens that must have come before in the same order. Two are too often followed by something else. */
const matched = 3

/**
 * Proposes how a text goes on where it repeats itself or its prompt: by what followed its last tokens when they came
 * before.
 */
export class PromptLookup {
  readonly #tokens: readonly number[]
  /** By a hash of some tokens in a row, the place after the last of them. */
  readonly #places = new Map<number, number>()
  /** All rows of tokens that end before this place are in the map. */
  #indexed = matched

  /** @param tokens Of the sequence; more are appended as they come. */
  constructor(tokens: readonly number[]) {
    this.#tokens = tokens
  }

  /** At most so many tokens; none where the last ones are new. */
  propose(most: number): readonly number[] {
    const tokens = this.#tokens
    for (; this.#indexed < tokens.length; this.#indexed++)
      this.#places.set(this.#hashBefore(this.#indexed), this.#indexed)
    if (tokens.length < matched) return []
    const place = this.#places.get(this.#hashBefore(tokens.length))
    if (place === undefined || !this.#isSame(place)) return []
    const proposed: number[] = []
    // What repeats itself at once goes on repeating what is proposed.
    for (let at = place; proposed.length < most; at++)
      proposed.push(tokens[at] ?? proposed[at - tokens.length] ?? 0)
    return proposed
  }

  #hashBefore(end: number): number {
    let hash = 0
    for (let at = end - matched; at < end; at++) hash = Math.imul(hash, 0x9e3779b1) + (this.#tokens[at] ?? 0)
    return hash
  }

  /** Whether the tokens before the place are those before the end: hashes may be the same by chance. */
  #isSame(place: number): boolean {
    const { length } = this.#tokens
    for (let back = 1; back <= matched; back++)
      if (this.#tokens[place - back] !== this.#tokens[length - back]) return false
    return true
  }
}

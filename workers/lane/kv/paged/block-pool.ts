/** Tokens that stand in a row of full blocks from a text's beginning, as a number of their own. */
type Prefix = number

/** What comes before the first block of a text. */
const nothing: Prefix = 0

/**
 * Which blocks of a pool are held, by how many texts, and which full ones hold what. A block that nobody holds keeps its
 * tokens until it is needed: the next text with the same beginning holds it again.
 *
 * A block is found by its own tokens and by those of all blocks before it. These are compared, not hashed: no text can
 * get another's keys and values.
 */
export class BlockPool {
  readonly #blockSize: number
  /** How many texts hold each block. */
  readonly #holders: number[] = []
  readonly #empty: number[] = []
  /** Blocks that nobody holds, the least recently used first. */
  readonly #kept = new Set<number>()
  /** By the prefix before a full block and by its tokens. */
  readonly #blockOf = new Map<string, number>()
  readonly #contents: (Content | undefined)[] = []
  #prefixes = nothing

  constructor(blockSize: number) {
    this.#blockSize = blockSize
  }

  get size(): number {
    return this.#holders.length
  }

  /** Blocks that hold nothing to keep. */
  get empty(): number {
    return this.#empty.length
  }

  /** Blocks that can be taken: those that are empty, and those that nobody holds. */
  get available(): number {
    return this.#empty.length + this.#kept.size
  }

  /** Adds empty blocks. */
  grow(size: number): void {
    for (let block = this.size; block < size; block++) {
      this.#holders.push(0)
      this.#empty.push(block)
    }
  }

  /** A block for one text, an empty one if there is one, else the one that nobody held for longest; undefined where all are held. */
  take(): number | undefined {
    let block = this.#empty.shift()
    if (block === undefined) {
      ;[block] = this.#kept
      if (block === undefined) return undefined
      this.#kept.delete(block)
      this.#forget(block)
    }
    this.#holders[block] = 1
    return block
  }

  /** One more text holds the block. */
  hold(block: number): void {
    this.#kept.delete(block)
    this.#holders[block] = this.#holdersOf(block) + 1
  }

  /** A text has left its blocks. The last ones are taken first: what others may have in common is in front. */
  release(blocks: readonly number[]): void {
    for (const block of blocks.toReversed()) {
      const holders = this.#holdersOf(block) - 1
      this.#holders[block] = holders
      if (holders > 0) continue
      if (this.#contents[block]) this.#kept.add(block)
      else this.#empty.unshift(block)
    }
  }

  isHeld(block: number): boolean {
    return this.#holdersOf(block) > 0
  }

  /** Whether nobody else holds or would find the block: then it may be written. */
  isOwn(block: number): boolean {
    return this.#holdersOf(block) === 1 && !this.#contents[block]
  }

  /** Lets others find the full blocks that hold these tokens, from a text's beginning on. */
  remember(blocks: readonly number[], tokens: readonly number[]): void {
    let before: Prefix = nothing
    for (const [index, block] of blocks.entries()) {
      const own = this.#tokensOf(tokens, index)
      if (own.length < this.#blockSize) return
      const key = keyOf(before, own)
      const known = this.#blockOf.get(key)
      const content = known === undefined ? undefined : this.#contents[known]
      if (content) before = content.prefix
      else {
        before = ++this.#prefixes
        this.#blockOf.set(key, block)
        this.#contents[block] = { key, prefix: before }
      }
    }
  }

  /** The blocks that hold the beginning of these tokens, as far as there are any. They are not held by that. */
  find(tokens: readonly number[]): readonly number[] {
    const found: number[] = []
    let before: Prefix = nothing
    for (;;) {
      const own = this.#tokensOf(tokens, found.length)
      const block = own.length < this.#blockSize ? undefined : this.#blockOf.get(keyOf(before, own))
      const content = block === undefined ? undefined : this.#contents[block]
      if (block === undefined || !content) return found
      found.push(block)
      before = content.prefix
    }
  }

  /** Nobody finds the block any more. */
  #forget(block: number): void {
    const content = this.#contents[block]
    if (content) this.#blockOf.delete(content.key)
    this.#contents[block] = undefined
  }

  #holdersOf(block: number): number {
    return this.#holders[block] ?? 0
  }

  #tokensOf(tokens: readonly number[], index: number): readonly number[] {
    return tokens.slice(index * this.#blockSize, (index + 1) * this.#blockSize)
  }
}

interface Content {
  readonly key: string
  readonly prefix: Prefix
}

const keyOf = (before: Prefix, tokens: readonly number[]) => `${before}:${tokens.join()}`

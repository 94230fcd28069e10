import { blockSize, type PagedKv } from '../kv/paged/paged-kv.ts'
import type { SlotOwner, Slots } from './slots.ts'

export interface PagedSlotsOptions {
  readonly kv: PagedKv
  /** The most tokens of a sequence that the model can attend to. */
  readonly context: number
  readonly maxSlots: number
  /** Bytes allowed for keys and values. */
  readonly maxBytes: number
}

/** Tokens beyond its own that a sequence gets room for, where there is enough: steps are started ahead. */
const ahead = 8

/**
 * Slots whose memory is blocks of one pool. A sequence is let in where there are blocks for all of its tokens, those
 * that are promised to others apart; it takes them when it needs them.
 */
export class PagedSlots<Owner extends SlotOwner> implements Slots<Owner> {
  readonly #kv: PagedKv
  readonly #owners: (Owner | undefined)[]
  /** By slot, how many of its full blocks others can find. */
  readonly #remembered: number[]
  readonly #maxBytes: number
  readonly context: number

  constructor({ kv, context, maxSlots, maxBytes }: PagedSlotsOptions) {
    this.#kv = kv
    this.#maxBytes = maxBytes
    this.#owners = new Array<Owner | undefined>(maxSlots).fill(undefined)
    this.#remembered = new Array<number>(maxSlots).fill(0)
    const mostTokens = Math.floor(maxBytes / kv.bytes({ slots: 1, capacity: blockSize })) * blockSize
    this.context = Math.min(context, Math.max(1, mostTokens))
    kv.resize({ slots: maxSlots, capacity: context }, [])
    kv.limit(maxBytes)
  }

  get usage(): number {
    const { blocks, available, bytes } = this.#kv.pool
    return this.#maxBytes > 0 ? ((blocks - available) * (bytes / blocks)) / this.#maxBytes : 0
  }

  assign(owner: Owner, newTokens: number): number | undefined {
    const slot = this.#owners.indexOf(undefined)
    if (slot < 0) return undefined
    const { tokens } = owner
    for (const other of this.#owners) if (other) this.#remember(other)
    const needed = Math.min(this.context, tokens.length + Math.min(newTokens, ahead))
    // Those that are found and nobody holds can be taken by nobody else then.
    if (!this.#kv.mayHaveBlocks(blocksFor(needed) - this.#heldOf(tokens) + this.#promised())) return undefined
    this.#owners[slot] = owner
    this.#remembered[slot] = 0
    owner.slot = slot
    this.#kv.truncate(slot, 0)
    return this.#kv.reuse(slot, tokens)
  }

  share(owner: Owner): number | undefined {
    const { slot, tokens } = owner
    if (slot === undefined) return undefined
    for (const other of this.#owners) if (other) this.#remember(other)
    const before = this.#kv.length(slot)
    const held = this.#kv.reuse(slot, tokens)
    return held > before ? held : undefined
  }

  reserve(owners: readonly Owner[]): boolean {
    for (const { slot = 0, tokens } of owners) {
      const most = Math.min(this.context, tokens.length + ahead)
      if (!this.#kv.reserve(slot, most) && !this.#kv.reserve(slot, tokens.length)) return false
    }
    return true
  }

  room({ slot = 0 }: Owner): number {
    return Math.min(this.#kv.room(slot), this.#kv.shape.capacity)
  }

  release(owner: Owner): void {
    const { slot } = owner
    if (slot === undefined) return
    // Steps that were started ahead may have written more.
    this.#kv.truncate(slot, owner.tokens.length)
    this.#remember(owner)
    this.#leave(owner, slot)
  }

  /** Its full blocks are found again where nobody needed them in the meantime. */
  preempt(owner: Owner): void {
    this.release(owner)
  }

  clear(): void {
    this.#kv.clear()
    this.#remembered.fill(0)
  }

  shrink(): void {
    this.#kv.clear()
    // The runtime may have more memory by now.
    this.#kv.limit(this.#maxBytes)
  }

  #leave(owner: Owner, slot: number): void {
    this.#kv.truncate(slot, 0)
    this.#owners[slot] = undefined
    owner.slot = undefined
  }

  /** Blocks that sequences were let in for and have not taken yet. */
  #promised(): number {
    let blocks = 0
    for (const [slot, owner] of this.#owners.entries())
      if (owner) blocks += Math.max(0, blocksFor(owner.tokens.length) - this.#kv.room(slot) / blockSize)
    return blocks
  }

  /** Blocks of a prompt that other sequences hold now, so that it takes none for them. */
  #heldOf(tokens: readonly number[]): number {
    return this.#kv.found(tokens).filter((block) => this.#kv.isHeld(block)).length
  }

  #remember(owner: Owner): void {
    const { slot, tokens } = owner
    if (slot === undefined) return
    const full = Math.floor(Math.min(this.#kv.length(slot), tokens.length) / blockSize)
    if (full === this.#remembered[slot]) return
    this.#remembered[slot] = full
    this.#kv.remember(slot, tokens)
  }
}

const blocksFor = (tokens: number) => Math.ceil(tokens / blockSize)

import type { Kv, KvShape } from '../kv/kv.ts'
import type { SlotOwner, Slots } from './slots.ts'

export interface SlotTableOptions {
  readonly kv: Kv
  /** The most tokens of a sequence that the model can attend to. */
  readonly context: number
  /** How many slots there may be now. */
  readonly mostSlots: () => number
  /** Bytes allowed for keys and values. */
  readonly maxBytes: number
}

interface Slot<Owner> {
  readonly owner: Owner | undefined
  /** What the last owner left for reuse; none while there is an owner. */
  readonly kept: CachedTokens
  readonly usedAt: number
}

/** Tokens whose keys and values a slot holds. */
type CachedTokens = Pick<SlotOwner, 'tokens' | 'adapter'>

const noTokens: CachedTokens = { tokens: [] }

/** Tokens reserved at first for what a sequence generates. */
const reservedTokens = 64

/** A shorter common prefix is not worth overwriting what another prompt may reuse. */
const leastShared = 16

/**
 * Slots of one size, each of them one stretch of memory: the tokens of a finished sequence stay in its slot.
 * Memory grows by doubling, so that it is seldom copied; near the limit it grows to exactly what is needed.
 */
export class SlotTable<Owner extends SlotOwner> implements Slots<Owner> {
  readonly #kv: Kv
  readonly #mostSlots: () => number
  readonly #allowedBytes: number
  readonly context: number
  /** Bytes to use: as allowed, or fewer once the runtime has refused more. */
  #maxBytes: number
  #slots: Slot<Owner>[]
  #uses = 0

  constructor({ kv, context, mostSlots, maxBytes }: SlotTableOptions) {
    this.#kv = kv
    this.#mostSlots = mostSlots
    this.#allowedBytes = maxBytes
    this.#maxBytes = maxBytes
    this.#slots = Array.from({ length: kv.shape.slots }, emptySlot<Owner>)
    const bytesPerToken = kv.bytes({ slots: 1, capacity: 1_024 }) / 1_024
    this.context = Math.min(context, Math.max(1, Math.floor(maxBytes / bytesPerToken)))
  }

  get usage(): number {
    const { slots, capacity } = this.#kv.shape
    return this.#slots.reduce((sum, _, slot) => sum + this.#kv.length(slot), 0) / (slots * capacity)
  }

  assign(owner: Owner, newTokens: number): number | undefined {
    const { tokens } = owner
    const needed = Math.min(this.context, tokens.length + Math.min(newTokens, reservedTokens))
    const free = this.#chooseSlot(owner)
    const added = this.#slots.length
    // A further slot is better than overwriting tokens that another prompt may reuse: what is shared is copied.
    const isAdded = (!free || losesMore(free)) && this.#grow(added + 1, needed)
    const slot = isAdded ? added : free && this.#fit(needed, free.slot)
    if (slot === undefined) return undefined
    const cachedTokens = this.#kv.truncate(slot, isAdded ? 0 : (free?.shared ?? 0))
    this.#slots[slot] = { owner, kept: noTokens, usedAt: ++this.#uses }
    owner.slot = slot
    return cachedTokens
  }

  /** Copies the beginning from another slot, in use or not. */
  share(sequence: Owner): number | undefined {
    const { slot } = sequence
    if (slot === undefined) return undefined
    let best = { from: slot, length: this.#kv.length(slot) + leastShared - 1 }
    for (const [from, { owner, kept }] of this.#slots.entries()) {
      if (from === slot) continue
      const length = sharedLength(owner ?? kept, sequence, this.#kv.length(from))
      if (length > best.length) best = { from, length }
    }
    if (best.from === slot) return undefined
    const before = this.#kv.length(slot)
    const held = this.#kv.copyPrefix(best.from, slot, best.length)
    return held > before ? held : undefined
  }

  /** All slots have the same room, so the longest sequence counts. */
  reserve(owners: readonly Owner[]): boolean {
    let longest = 0
    for (const { tokens } of owners) longest = Math.max(longest, tokens.length)
    return this.#expand(longest) || this.#keepOnly(this.#slotsInUse(), longest)
  }

  room(): number {
    return this.#kv.shape.capacity
  }

  release(owner: Owner): void {
    const { slot, adapter } = owner
    if (slot === undefined) return
    owner.slot = undefined
    // Steps that were started ahead may have written more.
    const tokens = owner.tokens.slice(0, this.#kv.truncate(slot, owner.tokens.length))
    this.#slots[slot] = { owner: undefined, kept: { tokens, adapter }, usedAt: ++this.#uses }
  }

  preempt(owner: Owner): void {
    if (owner.slot !== undefined) this.#kv.truncate(owner.slot, 0)
    this.release(owner)
  }

  clear(): void {
    for (const [index, slot] of this.#slots.entries()) {
      this.#kv.truncate(index, 0)
      this.#slots[index] = { ...slot, kept: noTokens }
    }
  }

  shrink(): void {
    this.#resize({ slots: 1, capacity: Math.min(this.context, reservedTokens) }, [])
    // The runtime may have more memory by now.
    this.#maxBytes = this.#allowedBytes
  }

  /** The free slot that shares most with the prompt, of those that do not lose more than they share, if there are any. */
  #chooseSlot(prompt: Owner): Choice | undefined {
    let best: Choice | undefined
    for (const [slot, { owner, kept, usedAt }] of this.#slots.entries()) {
      if (owner !== undefined) continue
      const common = sharedLength(kept, prompt)
      const held = kept.tokens.length
      const shared = common >= leastShared || common === held ? common : 0
      const choice = { slot, shared, lost: held - shared, usedAt }
      if (!best || isBetter(choice, best)) best = choice
    }
    return best
  }

  /**
   * Makes room for so many tokens in a free slot and in all owned ones.
   * @returns where the slot is now; undefined where memory does not suffice.
   */
  #fit(tokens: number, free: number): number | undefined {
    if (this.#expand(tokens)) return free
    const kept = this.#slotsInUse(free)
    return this.#keepOnly(kept, tokens) ? kept.indexOf(free) : undefined
  }

  #slotsInUse(free?: number): number[] {
    return [...this.#slots.keys()].filter((slot) => slot === free || this.#slots[slot]?.owner)
  }

  /** Gives up all slots but these, for room in them. */
  #keepOnly(slots: readonly number[], tokens: number): boolean {
    return slots.length < this.#slots.length && this.#resizeFor(slots.length, tokens, slots)
  }

  #expand(tokens: number): boolean {
    const { slots, capacity } = this.#kv.shape
    return tokens <= capacity || this.#grow(slots, tokens)
  }

  #grow(slots: number, tokens: number): boolean {
    // The limit may have been lowered since.
    if (slots > Math.max(this.#mostSlots(), this.#slots.length)) return false
    return this.#resizeFor(slots, Math.max(tokens, this.#kv.shape.capacity), [...this.#slots.keys()])
  }

  /** Takes the largest shape that the runtime has memory for. */
  #resizeFor(slots: number, tokens: number, from: readonly number[]): boolean {
    for (;;) {
      const shape = this.#shapeFor(slots, tokens)
      if (!shape) return false
      if (this.#resize(shape, from)) return true
    }
  }

  /** The largest shape within the limit: slots and capacity doubled, capacity alone, or exactly what is needed. */
  #shapeFor(slots: number, tokens: number): KvShape | undefined {
    const doubledCapacity = Math.min(this.context, 2 ** Math.ceil(Math.log2(tokens)))
    const doubledSlots =
      slots > this.#slots.length ? Math.min(this.#mostSlots(), 2 * this.#slots.length) : slots
    return [
      { slots: doubledSlots, capacity: doubledCapacity },
      { slots, capacity: doubledCapacity },
      { slots, capacity: tokens },
    ].find((shape) => this.#kv.bytes(shape) <= this.#maxBytes)
  }

  /**
   * Changes the shape. Slot `i` becomes what slot `from[i]` was.
   * @returns false, with all as before, where the runtime refuses the memory. So much is not asked for again.
   */
  #resize(shape: KvShape, from: readonly number[]): boolean {
    try {
      this.#kv.resize(shape, from)
    } catch {
      this.#maxBytes = this.#kv.bytes(shape) - 1
      return false
    }
    this.#slots = Array.from(
      { length: shape.slots },
      (_, slot) => this.#slots[from[slot] ?? -1] ?? emptySlot<Owner>(),
    )
    for (const [index, { owner }] of this.#slots.entries()) if (owner) owner.slot = index
    return true
  }
}

interface Choice {
  readonly slot: number
  /** Tokens of the slot that the prompt begins with. */
  readonly shared: number
  /** Tokens that it keeps and the prompt does not begin with. */
  readonly lost: number
  readonly usedAt: number
}

const losesMore = ({ shared, lost }: Choice) => lost > shared

function isBetter(choice: Choice, other: Choice): boolean {
  if (losesMore(choice) !== losesMore(other)) return losesMore(other)
  if (choice.shared !== other.shared) return choice.shared > other.shared
  return choice.usedAt < other.usedAt
}

/**
 * Tokens that both begin with, at most so many. The prompt's last is never among them: a run must be given it to predict
 * the next.
 */
function sharedLength(
  { tokens: kept, adapter }: CachedTokens,
  { tokens: prompt, adapter: asked }: CachedTokens,
  most = Number.POSITIVE_INFINITY,
): number {
  if (adapter !== asked) return 0
  const end = Math.min(kept.length, prompt.length - 1, most)
  let length = 0
  while (length < end && kept[length] === prompt[length]) length++
  return length
}

const emptySlot = <Owner>(): Slot<Owner> => ({ owner: undefined, kept: noTokens, usedAt: 0 })

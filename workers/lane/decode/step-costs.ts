import { ChunkSize } from './chunk-size.ts'
import { Cost } from './cost.ts'
import { SlotLimit } from './slot-limit.ts'

/** What a step did. */
export interface StepKind {
  /** Sequences that were given tokens. */
  readonly rows: number
  /** Tokens that the run took of each of them. */
  readonly tokens: number
  /** Tokens of a prompt that were read beside them. */
  readonly read: number
  /** Whether a draft model was asked for the tokens. */
  readonly isDrafted?: boolean
}

/**
 * Without a measurement, a further token of a run is taken to cost so much of a step, and one that a draft model has to
 * write first: less than they are likely to.
 */
const firstGuess = { known: 0.15, drafted: 0.3 }

/** How far a cost that is thought too high goes back to the guess with each plain step: it is tried again some day. */
const forgetting = 0.001

/** What steps take, as measured. */
export class StepCosts {
  /** Of one sequence alone, by the tokens of its run. */
  readonly #alone = new Map<number, Cost>()
  /** The same with a draft model's time. */
  readonly #drafted = new Map<number, Cost>()
  readonly #chunks = new ChunkSize()
  readonly #limit: SlotLimit
  /** Whether the last step read of a prompt: a GPU may still be at it in the next. */
  #hasRead = false

  /** @param limits How many sequences share a step to begin with, and at most. */
  constructor({ slots, maxSlots }: { readonly slots: number; readonly maxSlots: number }) {
    this.#limit = new SlotLimit(slots, maxSlots)
  }

  add({ rows, tokens, read, isDrafted = false }: StepKind, ms: number): void {
    const isAfterReading = this.#hasRead
    this.#hasRead = read > 0
    if (rows === 0 || ms <= 0) return
    if (read > 0) this.#chunks.addWithChunk(read, ms)
    else if (!isAfterReading) {
      if (tokens === 1 && !isDrafted) {
        this.#chunks.addPlain(ms)
        this.#limit.add(rows, ms)
      }
      if (rows === 1) this.#addAlone(tokens, isDrafted, ms)
    }
  }

  /** What a run of so many tokens of one sequence takes, over a run of one. */
  factor(tokens: number, isDrafted = false): number {
    const one = this.#alone.get(1)?.ms
    const all = (isDrafted ? this.#drafted : this.#alone).get(tokens)?.ms
    return one && all ? all / one : guess(tokens, isDrafted)
  }

  /** Tokens of a prompt to read in a step of others. */
  get chunk(): number {
    return this.#chunks.tokens
  }

  /** How many sequences should share a step. */
  get slots(): number {
    return this.#limit.slots
  }

  #addAlone(tokens: number, isDrafted: boolean, ms: number): void {
    const costs = isDrafted ? this.#drafted : this.#alone
    const cost = costs.get(tokens) ?? new Cost()
    costs.set(tokens, cost)
    const one = this.#alone.get(1)?.ms
    cost.add(ms, one && guess(tokens, isDrafted) * one)
    if (tokens > 1 || isDrafted || !one) return
    for (const [size, other] of this.#alone) other.lower(guess(size, false) * one, forgetting)
    for (const [size, other] of this.#drafted) other.lower(guess(size, true) * one, forgetting)
  }
}

const guess = (tokens: number, isDrafted: boolean) =>
  1 + (isDrafted ? firstGuess.drafted : firstGuess.known) * (tokens - 1)
